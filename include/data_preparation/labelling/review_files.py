"""Review tasks as files for labelling tools, and people's answers out of them: Label Studio's JSON, and CSV."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.data_preparation.labelling.annotations import Annotation
from include.data_preparation.labelling.review_queue import ReviewQueue, ReviewTask, queues

COLUMNS = ("document", "shown", "source", "title", "text", "suggested", "confidence", "reason", "choices")
ANSWERS = ("label", "annotator")
STUDIO, CSV = "label studio", "csv"
FORMATS = {".json": STUDIO, ".csv": CSV}
# what a spreadsheet would take for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
STUDIO_CONFIG = """\
<View>
  <Header value="$title"/>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text" value="$choices" choice="single" required="true"/>
</View>
"""


class Answer(NamedTuple):
    """One person's label of one document as a file holds it; `where` tells the place in the file."""

    where: str
    document: str
    shown: str
    label: str
    annotator: str
    given_at: str = ""


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _StudioValue(_Read):
    choices: list[str] = Field(min_length=1, max_length=1)


class _StudioResult(_Read):
    value: _StudioValue


class _StudioPerson(_Read):
    email: str


class _StudioAnnotation(_Read):
    result: list[_StudioResult]
    completed_by: int | str | _StudioPerson = ""
    was_cancelled: bool = False
    created_at: str = ""

    @property
    def person(self) -> str:
        who = self.completed_by
        return who.email if isinstance(who, _StudioPerson) else f"label-studio-{who}" if isinstance(who, int) else who


class _StudioData(_Read):
    document: str
    shown: str


class _StudioTask(_Read):
    data: _StudioData
    annotations: list[_StudioAnnotation] = []


def format_of(path: Path) -> str:
    """The format that a file's name tells; ConfigurationError for another one."""
    if path.suffix.lower() not in FORMATS:
        raise ConfigurationError(
            "review file", str(path), "neither .json nor .csv", "Name it .json (Label Studio) or .csv"
        )
    return FORMATS[path.suffix.lower()]


def write_tasks(tasks: Sequence[ReviewTask], form: str) -> str:
    """The content of a file with these tasks, label model's labels as predictions."""
    return (
        json.dumps([_studio(task) for task in tasks], indent=1, ensure_ascii=False) if form == STUDIO else _csv(tasks)
    )


def read_answers(content: str, form: str, annotator: str) -> list[Answer]:
    """The answers in a file; `annotator` names the person where the file does not, or instead.

    ConfigurationError names the place of the first that is none.
    """
    found = _studio_answers(content) if form == STUDIO else _csv_answers(content)
    answers = [one._replace(annotator=annotator or one.annotator) for one in found]
    for one in answers:
        if not one.annotator:
            raise ConfigurationError(
                f"{one.where}: annotator", "", "nobody is named", "Name the person there, or give --annotator"
            )
    return answers


def to_annotations(store: ArtifactStore, use_case: str, answers: Iterable[Answer], form: str) -> list[Annotation]:
    """Answers as annotations of the texts that were shown, looked up in the use case's queues, the newest first."""
    waiting, found = queues(store, use_case), list[ReviewQueue]()
    annotations = []
    for answer in answers:
        task = None
        for queue in chain(list(found), _keeping(waiting, found)):
            if task := queue.find(answer.document, answer.shown):
                break
        if task is None:
            raise ConfigurationError(
                f"{answer.where}: document",
                answer.document,
                f"no review queue of {use_case} shows it with this text",
                "Export again, and label that; or import into the use case that it was exported from",
            )
        annotations.append(annotation_of(task, answer.label, answer.annotator, form, answer.where, answer.given_at))
    return annotations


def annotation_of(
    task: ReviewTask, label: str, annotator: str, via: str, where: str = "review", given_at: str = ""
) -> Annotation:
    """An annotation of a task's text; ConfigurationError for a label that is not one to choose from."""
    if label not in task.labels:
        raise ConfigurationError(
            f"{where}: label", label, f"not a label of {task.id}", f"One of {', '.join(task.labels)}"
        )
    return Annotation(
        document=task.id,
        digest=task.digest,
        label=label,
        annotator=annotator,
        suggested=task.suggested,
        via=via,
        given_at=given_at,
    )


def _keeping(waiting: Iterable[ReviewQueue], found: list[ReviewQueue]) -> Iterable[ReviewQueue]:
    for queue in waiting:
        found.append(queue)
        yield queue


def _studio(task: ReviewTask) -> dict[str, Any]:
    choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [task.suggested]}}
    return {
        "data": {
            "document": task.id,
            "shown": task.shown,
            "source": task.source,
            "title": task.title,
            "text": task.text,
            "reason": task.reason,
            "choices": [{"value": label} for label in task.labels],
        },
        "predictions": [{"model_version": "genai", "score": task.confidence, "result": [choice]}],
    }


def _csv(tasks: Sequence[ReviewTask]) -> str:
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow((*COLUMNS, *ANSWERS))
    for task in tasks:
        title, text = (f"'{one}" if one.startswith(_FORMULA) else one for one in (task.title, task.text))
        choices = " | ".join(task.labels)
        row = (task.id, task.shown, task.source, title, text, task.suggested, task.confidence, task.reason, choices)
        writer.writerow((*row, "", ""))
    return target.getvalue()


def _studio_answers(content: str) -> list[Answer]:
    try:
        tasks = json.loads(content)
    except ValueError as error:
        raise ConfigurationError("review file", content[:40], f"no JSON: {error}", "Export it as JSON") from None
    if not isinstance(tasks, list):
        raise ConfigurationError("review file", content[:40], "no list of tasks", "Export it from Label Studio as JSON")
    answers = []
    for number, entry in enumerate(tasks, 1):
        try:
            task = _StudioTask.model_validate(entry)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ConfigurationError(
                f"task {number}: {place}", first["input"], first["msg"], "Export it from Label Studio as JSON"
            ) from None
        for one in task.annotations:
            # skipped by the annotator, or saved without a choice
            if not one.was_cancelled and one.result:
                label = one.result[0].value.choices[0]
                place = f"task {number}"
                answers.append(Answer(place, task.data.document, task.data.shown, label, one.person, one.created_at))
    return answers


def _csv_answers(content: str) -> list[Answer]:
    lines = content.removeprefix("\ufeff")
    # some spreadsheets write semicolons
    delimiter = max(",;\t", key=lines.partition("\n")[0].count)
    csv.field_size_limit(1 << 30)
    try:
        reader = csv.DictReader(io.StringIO(lines, newline=""), delimiter=delimiter)
        missing = [name for name in ("document", "shown", "label") if name not in (reader.fieldnames or ())]
        rows = [(f"line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise ConfigurationError("review file", content[:40], f"no CSV: {error}", "Save it as CSV") from None
    if missing:
        raise ConfigurationError(
            "review file", ", ".join(missing), "columns are missing", "Fill in a file of `genai review export`"
        )
    return [
        Answer(place, row["document"], row["shown"] or "", row["label"].strip(), (row.get("annotator") or "").strip())
        for place, row in rows
        if (row["label"] or "").strip()
    ]
