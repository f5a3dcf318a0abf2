"""The documents that wait for people's labels: texts as they leave anonymization, the newest queue first."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.artifacts.history import History, Place, RunRecord, now, sortable
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, ConfigurationError, CorruptedArtifactError
from include.data_preparation.documents import read_table, write_rows

TASKS, QUEUE_TASK = "tasks.parquet", "data_preparation.queue_reviews"


@dataclass(frozen=True)
class ReviewTask:
    """A document as people see it. `shown` is the digest of what they see, `digest` that of what was labelled.

    The latter is of a text that is not anonymized: it stays in the store. `choices` are the labels to choose from, a
    JSON object with a description of each. `anonymized`: the use case has its source anonymized.
    """

    id: str
    source: str
    title: str
    text: str
    label: str
    suggested: str
    confidence: float
    reason: str
    choices: str
    shown: str
    digest: str
    taxonomy: str = ""
    anonymized: bool = False

    @property
    def described(self) -> dict[str, str]:
        """The labels to choose from, and when to choose each."""
        found: dict[str, str] | list[str] = json.loads(self.choices)
        # queues of earlier versions hold a list
        return found if isinstance(found, dict) else dict.fromkeys(found, "")


@dataclass(frozen=True)
class ReviewQueue:
    """The tasks of one queue, the most urgent first."""

    ref: ArtifactRef
    run_id: str
    tasks: tuple[ReviewTask, ...]

    def find(self, document: str, shown: str) -> ReviewTask | None:
        """The task of a document, if it still shows what was shown."""
        return next((task for task in self.tasks if (task.id, task.shown) == (document, shown)), None)


def write_queue(folder: Path, tasks: list[ReviewTask]) -> None:
    """The queue as a step's output."""
    write_rows(folder / TASKS, ReviewTask, tasks)


def queues(store: ArtifactStore, use_case: str) -> Iterator[ReviewQueue]:
    """A use case's queues that are still there, the one that looks at the newest moment first."""
    found = list(History(store.bucket).records(use_case, QUEUE_TASK))
    seen: set[ArtifactRef] = set()
    for record in sorted(found, key=_newest, reverse=True):
        if record.ref not in seen:
            seen.add(record.ref)
            if queue := _read(store, record):
                yield queue


def newest_queue(store: ArtifactStore, use_case: str) -> ReviewQueue:
    """The queue of the run that looks at the newest moment up to now; ConfigurationError where no run has made one."""
    place = Place(use_case=use_case, run_id="review", as_of=now(), task=QUEUE_TASK)
    record = History(store.bucket).before(place)
    # the first takes one listing; the others are for where it is gone
    queue = (record and _read(store, record)) or next(queues(store, use_case), None)
    if queue is None:
        raise ConfigurationError(
            "use case", use_case, "no run of it has queued documents for review", f"Start `genai run {use_case}`"
        )
    return queue


def find_task(store: ArtifactStore, use_case: str, document: str, shown: str) -> ReviewTask | None:
    """The task of a document as it was shown, of the newest queue that has it."""
    first = newest_queue(store, use_case).find(document, shown)
    return first or next((task for one in queues(store, use_case) if (task := one.find(document, shown))), None)


def _newest(record: RunRecord) -> tuple[str, str]:
    return sortable(record.place.as_of), record.at


def _read(store: ArtifactStore, record: RunRecord) -> ReviewQueue | None:
    """A run's queue; None where it is swept, or replaced by a forced run: a later record names what is there."""
    with TemporaryDirectory() as folder:
        try:
            path = store.fetch(record.ref, Path(folder) / "queue", only=TASKS) / TASKS
        except (ArtifactNotFoundError, CorruptedArtifactError):
            return None
        rows: list[dict[str, Any]] = read_table(path)
    return ReviewQueue(record.ref, record.place.run_id, tuple(ReviewTask(**row) for row in rows))
