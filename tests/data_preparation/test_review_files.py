"""Tasks go out to labelling tools and answers come back, whole or not at all."""

import csv
import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.history import Place
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.data_preparation.labelling.annotations import Annotation, keep, read, record, standing
from include.data_preparation.labelling.annotators import with_names
from include.data_preparation.labelling.review_answers import Answer, read_answers, to_annotations
from include.data_preparation.labelling.review_files import CSV, STUDIO, format_of, write_tasks
from include.data_preparation.labelling.review_queue import QUEUE_TASK, ReviewQueue, ReviewTask, newest_queue
from include.data_preparation.queue_reviews import queue_reviews
from tests.data_preparation.conftest import LATER, Prepared

TEXT = '=1+1, says\n"Ann"'
CHOICES = '{"bug": "Something breaks.", "access": ""}'
TASK = ReviewTask("a", "tickets", "T", TEXT, "bug", "access", 0.5, "low confidence", CHOICES, "s", "d", "kind")
MOMENT = "2026-05-02T09:00:00+00:00"


@pytest.fixture
def use_case(store: ArtifactStore, prepared: Prepared) -> str:
    name = f"filed_{uuid.uuid4().hex[:8]}"
    place = Place(use_case=name, run_id="one", as_of=LATER, task=QUEUE_TASK)
    queue_reviews.run(store, {"labelled": prepared.labelled, "anonymized": prepared.anonymized}, place=place)
    return name


def _annotated(queue: ReviewQueue) -> list[dict[str, Any]]:
    """What Label Studio exports after two people have worked on it."""
    tasks = json.loads(write_tasks(queue.tasks, STUDIO, MOMENT))
    for number, (task, mine) in enumerate(zip(tasks, queue.tasks, strict=True)):
        choice = {
            "from_name": "label",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": [next(iter(mine.described))]},
        }
        one = {"id": number, "was_cancelled": False, "result": [choice], "created_at": "2026-05-02T10:00:00Z"}
        task["annotations"] = [one | {"completed_by": 7}, one | {"completed_by": {"id": 8, "email": "eve@example.org"}}]
    tasks[0]["annotations"][0]["was_cancelled"] = True
    tasks[1]["annotations"][0]["result"] = []
    return list(tasks)


def test_what_label_studio_gets_and_gives_back(store: ArtifactStore, use_case: str) -> None:
    queue = newest_queue(store, use_case)
    exported = json.loads(write_tasks(queue.tasks, STUDIO, MOMENT))
    (task,) = json.loads(write_tasks([TASK], STUDIO, MOMENT))
    assert task["data"]["choices"] == [{"value": "bug", "hint": "Something breaks."}, {"value": "access", "hint": ""}]
    assert (task["data"]["taxonomy"], task["data"]["exported_at"]) == ("kind", MOMENT)
    assert exported[0]["data"]["text"] == queue.tasks[0].text
    assert exported[0]["predictions"][0]["result"][0]["value"]["choices"] == [queue.tasks[0].suggested]
    secret = {task.digest for task in queue.tasks if task.digest != task.shown}
    assert secret and not any(
        digest in write_tasks(queue.tasks, form, MOMENT) for digest in secret for form in (STUDIO, CSV)
    )

    answers = with_names(read_answers(json.dumps(_annotated(queue)), STUDIO), ["7=ann"], [])
    assert len(answers) == 2 * len(queue.tasks) - 2
    annotations = to_annotations(store, use_case, answers, STUDIO)
    assert {one.annotator for one in annotations} == {"ann", "eve@example.org"}
    assert (annotations[0].digest, annotations[0].taxonomy) == (queue.tasks[0].digest, queue.tasks[0].taxonomy)
    assert annotations[0].given_at == "2026-05-02T10:00:00+00:00"
    assert record(store.bucket, use_case, annotations).fresh == len(answers)
    assert record(store.bucket, use_case, to_annotations(store, use_case, answers, STUDIO)).fresh == 0

    corrected = _annotated(queue)[2:3]
    corrected[0]["annotations"][0]["updated_at"] = "2026-05-03T10:00:00.5Z"
    assert read_answers(json.dumps(corrected), STUDIO)[0].given_at == "2026-05-03T10:00:00.500000+00:00"


def test_csv_goes_through_a_spreadsheet_and_back(store: ArtifactStore, use_case: str) -> None:
    queue = newest_queue(store, use_case)
    rows = list(csv.DictReader(io.StringIO(write_tasks(queue.tasks, CSV, MOMENT))))
    assert [row["document"] for row in rows] == [task.id for task in queue.tasks]
    chosen = list(queue.tasks[2].described)[1]
    rows[2] |= {"label": f" {chosen} ", "annotator": "ann"}
    target = io.StringIO()
    writer = csv.DictWriter(target, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)

    (answer,) = read_answers("\ufeff" + target.getvalue(), CSV)
    (annotation,) = to_annotations(store, use_case, [answer], CSV)
    assert (annotation.document, annotation.label) == (queue.tasks[2].id, chosen)
    assert annotation.given_at == MOMENT
    told = target.getvalue().replace(";ann;", ";ann;2026-05-04 12:00+02:00")
    assert read_answers(told, CSV)[0].given_at == "2026-05-04T10:00:00+00:00"

    (row,) = csv.DictReader(io.StringIO(write_tasks([TASK], CSV, MOMENT)))
    assert (row["text"], row["choices"], row["taxonomy"]) == (f"'{TEXT}", "bug | access", "kind")


def test_an_old_file_does_not_undo_what_was_said_since(store: ArtifactStore, use_case: str) -> None:
    task = newest_queue(store, use_case).tasks[0]
    first, second = list(task.described)[:2]
    line = f"{task.id},{task.shown},{first},ann,{MOMENT}\n"
    answers = read_answers(f"document,shown,label,annotator,exported_at\n{line}", CSV)
    assert record(store.bucket, use_case, to_annotations(store, use_case, answers, CSV)) == (1, 0)

    told = {"document": task.id, "digest": task.digest, "label": second, "annotator": "ann", "via": "page"}
    keep(store.bucket, use_case, Annotation(**told, recorded_at="2026-05-03T00:00:00+00:00"))
    assert record(store.bucket, use_case, to_annotations(store, use_case, answers, CSV)) == (0, 1)
    reworked = [one._replace(label=list(task.described)[2]) for one in answers]
    assert record(store.bucket, use_case, to_annotations(store, use_case, reworked, CSV)) == (1, 1)
    assert [one.label for one in standing(read(store.bucket, use_case))] == [second]


def _by(*people: str) -> list[Answer]:
    return [Answer(f"line {place}", "d", "s", "bug", name, MOMENT) for place, name in enumerate(people, 2)]


def test_nobody_counts_as_two() -> None:
    def names(people: list[str], named: list[str], known: list[str]) -> list[str]:
        return [one.annotator for one in with_names(_by(*people), named, known)]

    assert names(["7", "eve@example.org"], ["7=ann", "eve@example.org=eve"], ["eve"]) == ["ann", "eve"]
    assert names(["", "7"], ["ann"], []) == ["ann", "ann"]
    assert names(["ann", "bob@example.org"], [], ["ann", "eve"]) == ["ann", "bob@example.org"]
    apart = ["ann@example.org=ann@example.org"]
    assert names(["ann", "ann@example.org"], apart, ["ann"]) == names(["ann", "ann@example.org"], apart, [])
    assert names(["ann@example.org"], [], ["ann", "ann@example.org"]) == ["ann@example.org"]
    for people, named, known, problem in (
        (["7"], [], [], "line 2: annotator = '7': .*--annotator 7=NAME"),
        ([""], [], [], "line 2: annotator = '': nobody is named.*--annotator NAME"),
        (["ann@example.org"], [], ["ann"], "this may be ann, .*--annotator ann@example.org=ann where it is the same"),
        (["Ann"], [], ["ann"], "this may be ann"),
        (["ann", "ann@example.org"], [], [], "this may be ann@example.org"),
        (["7", "8"], ["ann"], [], "--annotator = 'ann': the file names 7, 8, and several .*WHO=NAME"),
        (["7"], ["8=ann"], [], "--annotator = '8': nobody is called so in the file. It names 7"),
        (["7"], ["7="], [], "a name is empty"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            names(people, named, known)


@pytest.mark.parametrize(
    ("content", "form", "problem"),
    [
        ("{", STUDIO, "review file = .*no JSON"),
        ("{}", STUDIO, "no list of tasks"),
        ('[{"data": {"text": "x"}}]', STUDIO, r"task 1: data\.document = "),
        (
            '[{"data": {"document": "a", "shown": "b"}, "annotations": [{"result": [{"value": {}}]}]}]',
            STUDIO,
            "task 1: ",
        ),
        ("a,b\n1,2\n", CSV, "document, shown, label.*columns are missing"),
        ("document,shown,label,annotator\na,b,bug,ann\n", CSV, "line 2: given_at or exported_at = ''.*add a column"),
        ("document,shown,label,given_at\na,b,bug,noon\n", CSV, "line 2: given_at or exported_at = 'noon'"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(content: str, form: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_answers(content, form)


def test_a_foreign_document_or_label_is_refused(store: ArtifactStore, use_case: str) -> None:
    task = newest_queue(store, use_case).tasks[0]
    header = "document,shown,label,exported_at\n"
    for line, problem in (
        (f"{task.id},{task.shown},cooking,{MOMENT}", "line 2: label = 'cooking'.*One of"),
        (f"{task.id},other,bug,{MOMENT}", f"line 2: document = '{task.id}': no review queue of {use_case}"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            to_annotations(store, use_case, with_names(read_answers(header + line, CSV), ["ann"], []), CSV)
    with pytest.raises(ConfigurationError, match=r"neither \.json nor \.csv"):
        format_of(Path("tasks.xlsx"))
    with pytest.raises(ConfigurationError, match="no run of it has queued"):
        newest_queue(store, "nothing")
