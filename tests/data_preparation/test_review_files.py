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
from include.data_preparation.labelling.annotations import record
from include.data_preparation.labelling.review_files import (
    CSV,
    STUDIO,
    format_of,
    read_answers,
    to_annotations,
    write_tasks,
)
from include.data_preparation.labelling.review_queue import QUEUE_TASK, ReviewQueue, ReviewTask, newest_queue
from include.data_preparation.queue_reviews import queue_reviews
from tests.data_preparation.conftest import LATER, Prepared

TEXT = '=1+1, says\n"Ann"'
TASK = ReviewTask("a", "tickets", "T", TEXT, "bug", "access", 0.5, "low confidence", '["bug", "access"]', "s", "d")


@pytest.fixture
def use_case(store: ArtifactStore, prepared: Prepared) -> str:
    name = f"filed_{uuid.uuid4().hex[:8]}"
    place = Place(use_case=name, run_id="one", as_of=LATER, task=QUEUE_TASK)
    queue_reviews.run(store, {"labelled": prepared.labelled, "anonymized": prepared.anonymized}, place=place)
    return name


def _annotated(queue: ReviewQueue) -> list[dict[str, Any]]:
    """What Label Studio exports after two people have worked on it."""
    tasks = json.loads(write_tasks(queue.tasks, STUDIO))
    for number, (task, mine) in enumerate(zip(tasks, queue.tasks, strict=True)):
        choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [mine.labels[0]]}}
        one = {"id": number, "was_cancelled": False, "result": [choice], "created_at": "2026-05-02T10:00:00Z"}
        task["annotations"] = [one | {"completed_by": 7}, one | {"completed_by": {"id": 8, "email": "eve@example.org"}}]
    tasks[0]["annotations"][0]["was_cancelled"] = True
    tasks[1]["annotations"][0]["result"] = []
    return list(tasks)


def test_what_label_studio_gets_and_gives_back(store: ArtifactStore, use_case: str) -> None:
    queue = newest_queue(store, use_case)
    exported = json.loads(write_tasks(queue.tasks, STUDIO))
    assert exported[0]["data"]["text"] == queue.tasks[0].text
    assert exported[0]["predictions"][0]["result"][0]["value"]["choices"] == [queue.tasks[0].suggested]
    secret = {task.digest for task in queue.tasks if task.digest != task.shown}
    assert secret and not any(digest in write_tasks(queue.tasks, form) for digest in secret for form in (STUDIO, CSV))

    answers = read_answers(json.dumps(_annotated(queue)), STUDIO, "")
    assert len(answers) == 2 * len(queue.tasks) - 2
    annotations = to_annotations(store, use_case, answers, STUDIO)
    assert {one.annotator for one in annotations} == {"label-studio-7", "eve@example.org"}
    assert annotations[0].digest == queue.tasks[0].digest and annotations[0].given_at
    assert record(store.bucket, use_case, annotations) == len(answers)
    assert record(store.bucket, use_case, to_annotations(store, use_case, answers, STUDIO)) == 0


def test_csv_goes_through_a_spreadsheet_and_back(store: ArtifactStore, use_case: str) -> None:
    queue = newest_queue(store, use_case)
    rows = list(csv.DictReader(io.StringIO(write_tasks(queue.tasks, CSV))))
    assert [row["document"] for row in rows] == [task.id for task in queue.tasks]
    rows[2] |= {"label": f" {queue.tasks[2].labels[1]} ", "annotator": "ann"}
    target = io.StringIO()
    writer = csv.DictWriter(target, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)

    (answer,) = read_answers("\ufeff" + target.getvalue(), CSV, "")
    (annotation,) = to_annotations(store, use_case, [answer], CSV)
    assert (annotation.document, annotation.label) == (queue.tasks[2].id, queue.tasks[2].labels[1])
    assert read_answers(target.getvalue(), CSV, "bob")[0].annotator == "bob"

    (row,) = csv.DictReader(io.StringIO(write_tasks([TASK], CSV)))
    assert row["text"] == f"'{TEXT}"


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
        ("document,shown,label\na,b,bug\n", CSV, "line 2: annotator = ''.*--annotator"),
    ],
)
def test_a_file_that_is_none_is_refused_with_the_place(content: str, form: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_answers(content, form, "")


def test_a_foreign_document_or_label_is_refused(store: ArtifactStore, use_case: str) -> None:
    task = newest_queue(store, use_case).tasks[0]
    header = "document,shown,label\n"
    for line, problem in (
        (f"{task.id},{task.shown},cooking", "line 2: label = 'cooking'.*One of"),
        (f"{task.id},other,bug", f"line 2: document = '{task.id}': no review queue of {use_case}"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            to_annotations(store, use_case, read_answers(header + line, CSV, "ann"), CSV)
    with pytest.raises(ConfigurationError, match=r"neither \.json nor \.csv"):
        format_of(Path("tasks.xlsx"))
    with pytest.raises(ConfigurationError, match="no run of it has queued"):
        newest_queue(store, "nothing")
