"""What each run of a use case did: one small record a task, the thread that plans, lineage and retention follow."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.bucket import Bucket, StoredObject
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.core.errors import ArtifactNotFoundError

RUNS = "runs/"
READERS = 8


class Place(RunName):
    """One task instance of one run."""

    task: str = Field(description="Task of the workflow, e.g. data_preparation.clean.")
    map_index: int = Field(-1, ge=-1, description="Index of a mapped task instance.")

    @property
    def folder(self) -> str:
        """Prefix of all records of this task in the runs of its use case."""
        return f"{RUNS}{self.use_case}/{self.task}/{self.map_index}/"

    @property
    def key(self) -> str:
        """Key of this instance's record; keys of one task sort by the moment that their runs look at."""
        return f"{self.folder}{sortable(self.as_of)}~{quote(self.run_id, safe='')}.json"


class RunRecord(BaseModel):
    """What one task instance did."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    place: Place
    ref: ArtifactRef
    reused: bool
    reason: str
    metrics: dict[str, Any]
    seconds: float = Field(description="What making the artifact took, in the run that made it.")
    at: str = Field(description="When the task ended; UTC, ISO 8601.")


class History:
    """The records of all runs in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def write(self, record: RunRecord) -> None:
        """Keep a record; a retry replaces the one of the try before."""
        self.bucket.put_bytes(record.place.key, record.model_dump_json(indent=1).encode())

    def of(self, place: Place) -> RunRecord | None:
        """What a task instance did; None where it has not ended."""
        return self._read(place.key)

    def before(self, place: Place, *, passed: bool = False) -> RunRecord | None:
        """The record that a task's result is compared with.

        It is of the run that looks at the newest moment up to `place`'s own, the last one written among equals;
        where there is none, of the run that looks at the next later one. `passed`: of an earlier moment only, and
        only a gate that let its input through.
        """
        moment = sortable(place.as_of)
        found = [(key.removeprefix(place.folder)[: len(moment)], at, key) for key, at in self._keys(place.folder)]
        if not passed:
            return self._first(_by_nearness(found, moment))
        for key in _by_nearness([entry for entry in found if entry[0] < moment], moment):
            record = self._read(key)
            if record and record.metrics.get("passed"):
                return record
        return None

    def passed_before(self, place: Place) -> list[RunRecord]:
        """The records of a gate's task that let its input through, in runs of earlier moments, the oldest first."""
        moment = sortable(place.as_of)
        keys = sorted(
            key for key, _ in self._keys(place.folder) if key.removeprefix(place.folder)[: len(moment)] < moment
        )
        with ThreadPoolExecutor(READERS) as pool:
            return [record for record in pool.map(self._read, keys) if record and record.metrics.get("passed")]

    def newest(self, use_case: str, as_of: str) -> dict[tuple[str, int], RunRecord]:
        """Task and map index -> the record that `before` finds for it, by one listing."""
        moment, base = sortable(as_of), f"{RUNS}{use_case}/"
        found: dict[tuple[str, int], list[tuple[str, datetime, str]]] = {}
        for key, at in self._keys(base):
            task, index, name = key.removeprefix(base).split("/")
            found.setdefault((task, int(index)), []).append((name[: len(moment)], at, key))
        with ThreadPoolExecutor(READERS) as pool:
            records = pool.map(lambda entries: self._first(_by_nearness(entries, moment)), found.values())
            return {instance: record for instance, record in zip(found, records, strict=True) if record}

    def _first(self, keys: list[str]) -> RunRecord | None:
        return next((record for key in keys if (record := self._read(key))), None)

    def use_cases(self) -> list[str]:
        """Use cases that have run."""
        return sorted({key.removeprefix(RUNS).partition("/")[0] for key, _ in self._keys(RUNS)})

    def records(self, use_case: str, task: str = "") -> Iterator[RunRecord]:
        """All records of a use case, or of one of its tasks."""
        keys = [key for key, _ in self._keys(f"{RUNS}{use_case}/{task and task + '/'}")]
        with ThreadPoolExecutor(READERS) as pool:
            yield from (record for record in pool.map(self._read, keys) if record)

    def latest(self, use_case: str, task: str, most: int) -> list[RunRecord]:
        """The records of a task that were written last, the last one first, by one listing."""
        keys = sorted(self._keys(f"{RUNS}{use_case}/{task}/"), key=lambda entry: (entry[1], entry[0]), reverse=True)
        return self.read([key for key, _ in keys[:most]])

    def of_run(self, use_case: str, run_id: str) -> list[RunRecord]:
        """What the tasks of one run did, as they ended."""
        keys = [item.key for item in self.by_run(use_case).get(run_id, [])]
        return sorted(self.read(keys), key=lambda record: record.at)

    def by_run(self, use_case: str) -> dict[str, list[StoredObject]]:
        """Run -> its records as they lie in the store, by one listing; the run written to last comes first."""
        found: dict[str, list[StoredObject]] = {}
        for item in sorted(self.bucket.objects(f"{RUNS}{use_case}/"), key=lambda item: item.modified, reverse=True):
            run = unquote(item.key.rpartition("/")[2].partition("~")[2].removesuffix(".json"))
            found.setdefault(run, []).append(item)
        return found

    def read(self, keys: Iterable[str]) -> list[RunRecord]:
        """The records under these keys that can be read."""
        with ThreadPoolExecutor(READERS) as pool:
            return [record for record in pool.map(self._read, keys) if record]

    def _keys(self, prefix: str) -> list[tuple[str, datetime]]:
        return [(item.key, item.modified) for item in self.bucket.objects(prefix)]

    def _read(self, key: str) -> RunRecord | None:
        """A record; None where it is damaged or gone: it explains, and decides nothing."""
        try:
            return RunRecord.model_validate_json(self.bucket.get_bytes(key)[0])
        except (ArtifactNotFoundError, ValidationError):
            return None


def _by_nearness(entries: list[tuple[str, datetime, str]], moment: str) -> list[str]:
    """Keys of records (their moment, when written, key): the newest up to `moment` first, then the later ones."""
    earlier = sorted((entry for entry in entries if entry[0] <= moment), reverse=True)
    later = sorted(entry for entry in entries if entry[0] > moment)
    return [key for _, _, key in [*earlier, *later]]


def sortable(moment: str) -> str:
    """An ISO 8601 moment in UTC as text of fixed width that sorts by time."""
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def now() -> str:
    """This moment; UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()
