"""The documents that wait for people's labels: anonymized texts, the newest queue of a use case first."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from include.artifacts.history import History, RunRecord, sortable
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, ConfigurationError, CorruptedArtifactError
from include.data_preparation.documents import read_table, write_rows

TASKS, QUEUE_TASK = "tasks.parquet", "data_preparation.queue_reviews"


@dataclass(frozen=True)
class ReviewTask:
    """A document as people see it. `shown` is the digest of what they see, `digest` that of what was labelled.

    The latter is of a text that is not anonymized: it stays in the store.
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

    @property
    def labels(self) -> list[str]:
        """The labels to choose from."""
        found: list[str] = json.loads(self.choices)
        return found


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
        if record.ref in seen:
            continue
        seen.add(record.ref)
        try:
            yield _read(store, record)
        except (ArtifactNotFoundError, CorruptedArtifactError):
            continue  # swept, or replaced by a forced run: a later record names what is there


def newest_queue(store: ArtifactStore, use_case: str) -> ReviewQueue:
    """The queue of the run that looks at the newest moment; ConfigurationError where no run has made one."""
    for queue in queues(store, use_case):
        return queue
    raise ConfigurationError(
        "use case", use_case, "no run of it has queued documents for review", f"Start `genai run {use_case}`"
    )


def _newest(record: RunRecord) -> tuple[str, str]:
    return sortable(record.place.as_of), record.at


def _read(store: ArtifactStore, record: RunRecord) -> ReviewQueue:
    with TemporaryDirectory() as folder:
        path = store.fetch(record.ref, Path(folder) / "queue", only=TASKS) / TASKS
        rows: list[dict[str, Any]] = read_table(path)
    return ReviewQueue(record.ref, record.place.run_id, tuple(ReviewTask(**row) for row in rows))


def shown_fields(task: ReviewTask) -> dict[str, Any]:
    """A task without what must not leave the store."""
    return {name: value for name, value in asdict(task).items() if name != "digest"}
