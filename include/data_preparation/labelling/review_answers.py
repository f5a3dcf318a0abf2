"""People's answers out of the files of labelling tools, Label Studio's JSON and CSV, whole or not at all."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.data_preparation.labelling.annotations import Annotation
from include.data_preparation.labelling.review_files import STUDIO
from include.data_preparation.labelling.review_queue import ReviewQueue, ReviewTask, queues

_REQUIRED = ("document", "shown", "label")


class Answer(NamedTuple):
    """One person's label of one document as a file holds it; `where` tells the place in the file.

    `given_at` is when it was given, or the moment of the export, which is before it.
    """

    where: str
    document: str
    shown: str
    label: str
    annotator: str
    given_at: str


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
    updated_at: str = ""

    @property
    def person(self) -> str:
        return self.completed_by.email if isinstance(self.completed_by, _StudioPerson) else str(self.completed_by)


class _StudioData(_Read):
    document: str
    shown: str
    exported_at: str = ""


class _StudioTask(_Read):
    data: _StudioData
    annotations: list[_StudioAnnotation] = []


def read_answers(content: str, form: str) -> list[Answer]:
    """The answers in a file; ConfigurationError names the place of the first that is none, or tells no time."""
    found = _studio_answers(content) if form == STUDIO else _csv_answers(content)
    return [one._replace(given_at=_moment(one)) for one in found]


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
    if label not in task.described:
        raise ConfigurationError(
            f"{where}: label", label, f"not a label of {task.id}", f"One of {', '.join(task.described)}"
        )
    return Annotation(
        document=task.id,
        digest=task.digest,
        label=label,
        taxonomy=task.taxonomy,
        annotator=annotator,
        suggested=task.suggested,
        via=via,
        given_at=given_at,
    )


def _keeping(waiting: Iterable[ReviewQueue], found: list[ReviewQueue]) -> Iterable[ReviewQueue]:
    for queue in waiting:
        found.append(queue)
        yield queue


def _moment(answer: Answer) -> str:
    """When an answer was given, in UTC; one without a time zone is in UTC."""
    try:
        moment = datetime.fromisoformat(answer.given_at)
    except ValueError:
        raise ConfigurationError(
            f"{answer.where}: given_at or exported_at",
            answer.given_at,
            "it does not tell when it was said, so that it might undo what the person has said since",
            "Fill in a file of `genai review export`, or add a column given_at, such as 2026-11-23T14:05:00Z",
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _studio_answers(content: str) -> list[Answer]:
    try:
        tasks = json.loads(content)
    except ValueError as error:
        raise ConfigurationError("review file", content[:40], f"no JSON: {error}", "Export it as JSON") from None
    if not isinstance(tasks, list):
        raise ConfigurationError("review file", content[:40], "no list of tasks", "Export it from Label Studio as JSON")
    return [answer for number, entry in enumerate(tasks, 1) for answer in _of_task(f"task {number}", entry)]


def _of_task(where: str, entry: object) -> list[Answer]:
    try:
        task = _StudioTask.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{where}: {place}", first["input"], first["msg"], "Export it from Label Studio as JSON"
        ) from None
    return [
        Answer(
            where,
            task.data.document,
            task.data.shown,
            one.result[0].value.choices[0],
            one.person,
            # who corrects an answer has said it then
            one.updated_at or one.created_at or task.data.exported_at,
        )
        for one in task.annotations
        # neither skipped by the annotator, nor saved without a choice
        if not one.was_cancelled and one.result
    ]


def _csv_answers(content: str) -> list[Answer]:
    lines = content.removeprefix("\ufeff")
    # some spreadsheets write semicolons
    delimiter = max(",;\t", key=lines.partition("\n")[0].count)
    csv.field_size_limit(1 << 30)
    try:
        reader = csv.DictReader(io.StringIO(lines, newline=""), delimiter=delimiter)
        missing = [name for name in _REQUIRED if name not in (reader.fieldnames or ())]
        rows = [(f"line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise ConfigurationError("review file", content[:40], f"no CSV: {error}", "Save it as CSV") from None
    if missing:
        raise ConfigurationError(
            "review file", ", ".join(missing), "columns are missing", "Fill in a file of `genai review export`"
        )

    def cell(row: dict[str, str | None], name: str) -> str:
        return (row.get(name) or "").strip()

    return [
        Answer(
            place,
            row["document"],
            row["shown"] or "",
            cell(row, "label"),
            cell(row, "annotator"),
            cell(row, "given_at") or cell(row, "exported_at"),
        )
        for place, row in rows
        if cell(row, "label")
    ]
