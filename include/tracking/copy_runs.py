"""Copies what MLflow does not have yet of the runs and champions in the store.

Nothing is remembered here: a run's tags in MLflow say which records it was made of, the last thing that is written to
it. A copy that was killed is therefore completed by the next one, and what is there is found by its key.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.artifacts.bucket import StoredObject
from include.artifacts.history import History, RunRecord
from include.artifacts.manifest import sha256_of
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.inferencing import champion
from include.tracking.registry import copy_champions
from include.tracking.server import Found, Refused, TrackingServer
from include.tracking.told import DEPLOY, KEY, KIND, PART, RECORDS, REPLACED, RUN, Told, tell

# raised where what is told of a run changes: all are told again
FORMAT = 2
SILENT = timedelta(days=1)
FINISHED, FAILED, RUNNING, KILLED = "FINISHED", "FAILED", "RUNNING", "KILLED"
Link = Callable[[str, str], str]
Items = Sequence[StoredObject]
# what is wrong with one document or request; that the server or the store is away is none of them
OF_ONE = (Refused, CorruptedArtifactError, ArtifactNotFoundError, ValueError, TypeError, LookupError, ArithmeticError)


@dataclass(frozen=True)
class Copied:
    """How many runs and versions were written; not `complete`: the time was too short, or something was left out."""

    runs: int = 0
    versions: int = 0
    complete: bool = True


def copy_runs(
    store: ArtifactStore,
    server: TrackingServer,
    link: Link,
    seconds: float = 60.0,
    tell_of: Callable[[str], None] = lambda _: None,
) -> Copied:
    """Copy runs, the newest first, and champions, for about `seconds` at most.

    `link` gives the page of a use case's run in Airflow; `tell_of` hears what is written, and what is left out because
    it is damaged or MLflow refuses it: the next copy tries that again.
    ServerUnavailableError and ConfigurationError as `TrackingServer` raises them: the next copy goes on.
    """
    copying = _Copying(store, server, link, time.monotonic() + seconds, tell_of)
    for use_case in sorted({*copying.history.use_cases(), *champion.use_cases(store.bucket)}):
        with copying.apart(use_case):
            copying.use_case(use_case)
    return Copied(copying.runs, copying.versions, copying.complete)


class _Copying:
    """One copy, and how far it has come."""

    def __init__(
        self, store: ArtifactStore, server: TrackingServer, link: Link, end: float, tell_of: Callable[[str], None]
    ) -> None:
        self.store, self.server, self.link, self.end, self.tell_of = store, server, link, end, tell_of
        self.history, self.runs, self.versions, self.complete = History(store.bucket), 0, 0, True

    @contextmanager
    def apart(self, what: str) -> Iterator[None]:
        """What fails in here by its own fault stops nothing else; a server or a store that is away does."""
        try:
            yield
        except OF_ONE as error:
            self.complete = False
            self.tell_of(f"{what} is left out: {type(error).__name__}: {error}")

    def use_case(self, use_case: str) -> None:
        """Copy the runs of a use case that MLflow has not or has otherwise, then its champions."""
        if self._is_late():
            return
        experiment = self.server.experiment(use_case)
        there = _there(self.server, experiment)
        due = {
            run: items
            for run, items in self.history.by_run(use_case).items()
            if f"{use_case}/{run}" not in there or _differs(there[f"{use_case}/{run}"], items)
        }
        for run, items in due.items():
            if self._is_late():
                return
            with self.apart(f"{use_case}: run {run}"):
                self._run(experiment, there, use_case, run, items)
        with self.apart(f"{use_case}: its champion"):
            runs = _there(self.server, experiment) if due else there
            self.versions += copy_champions(self.store, self.server, use_case, runs)

    def _run(self, experiment: str, there: Mapping[str, Found], use_case: str, run: str, items: Items) -> None:
        records = self.history.read(item.key for item in items)
        if not records:
            return
        told = tell(self.store, records, self.link(use_case, run))
        _write(self.server, experiment, there.get(told.key), told, records, items)
        self.runs += 1
        self.tell_of(f"{use_case}: run {run}")

    def _is_late(self) -> bool:
        late = time.monotonic() > self.end
        self.complete &= not late
        return late


def _there(server: TrackingServer, experiment: str) -> dict[str, Found]:
    """Key -> the MLflow run that has it. Of two, made by two copies at once, the same one for everybody."""
    found: dict[str, Found] = {}
    for run in sorted(server.runs(experiment, f"tags.`{KIND}` = '{RUN}'"), key=_age):
        tags = tags_of(run)
        if tags.get(REPLACED) != "true":
            found.setdefault(tags[KEY], run)
    return found


def _age(run: Found) -> tuple[int, str]:
    return int(run["info"]["start_time"]), str(run["info"]["run_id"])


def tags_of(run: Found) -> dict[str, str]:
    """Tags of a run, by name."""
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}


def _params_of(run: Found) -> dict[str, str]:
    return {param["key"]: param["value"] for param in run["data"].get("params", [])}


def _differs(run: Found, items: Items) -> bool:
    """Whether what MLflow has is of other records. What somebody deleted there stays deleted."""
    if run["info"]["lifecycle_stage"] != "active":
        return False
    lives = run["info"]["status"] == RUNNING and _is_silent(items)
    return lives or tags_of(run).get(RECORDS) != _signature(items)


def _signature(items: Items) -> str:
    # not by when they were written: two writings may lie within what a store's clock tells apart
    return sha256_of([FORMAT, *sorted([item.key, item.etag] for item in items)])


def _is_silent(items: Items) -> bool:
    return max(item.modified for item in items) < datetime.now(UTC) - SILENT


def _write(
    server: TrackingServer,
    experiment: str,
    there: Found | None,
    told: Told,
    records: Sequence[RunRecord],
    items: Items,
) -> None:
    run = _run(server, experiment, there, told)
    parts = _by_key(
        server, server.runs(experiment, f"tags.`{KIND}` = '{PART}' and tags.`mlflow.parentRunId` = '{run}'")
    )
    for part in told.parts:
        mine = parts.pop(part.key, None) or _create(server, experiment, part, {"mlflow.parentRunId": run})
        _log(server, mine, part)
        server.post("runs/update", run_id=mine, status=FINISHED, end_time=part.ended)
    # of which the store says something else by now
    for other in parts.values():
        server.post("runs/delete", run_id=other)
    _log(server, run, told)
    status = _status(records, items)
    ended = {} if status == RUNNING else {"end_time": told.ended}
    server.post("runs/update", run_id=run, status=status, **ended)
    server.post("runs/set-tag", run_id=run, key=RECORDS, value=_signature(items))


def _run(server: TrackingServer, experiment: str, there: Found | None, told: Told) -> str:
    """The MLflow run of a run; a new one in the place of one whose params, which never change, are others."""
    if there is not None:
        before = _params_of(there)
        if all(before.get(name, value) == value for name, value in told.params.items()):
            return str(there["info"]["run_id"])
        _replace(server, there)
    made = _create(server, experiment, told, {})
    return _by_key(server, server.runs(experiment, f"tags.`{KIND}` = '{RUN}'")).get(told.key, made)


def _by_key(server: TrackingServer, runs: Iterable[Found]) -> dict[str, str]:
    """Key -> id of the active run that has it; of two, which two copies made at once, the later one is deleted."""
    found: dict[str, str] = {}
    for run in sorted(runs, key=_age):
        if run["info"]["lifecycle_stage"] != "active":
            continue
        key = tags_of(run)[KEY]
        if key in found:
            _replace(server, run)
        else:
            found[key] = str(run["info"]["run_id"])
    return found


def _replace(server: TrackingServer, run: Found) -> None:
    """Delete a run for another with its key; what a person deleted has no such mark."""
    server.post("runs/set-tag", run_id=run["info"]["run_id"], key=REPLACED, value="true")
    server.post("runs/delete", run_id=run["info"]["run_id"])


def _create(server: TrackingServer, experiment: str, told: Told, tags: dict[str, str]) -> str:
    """A run that has its key from the first moment."""
    all_tags = tags | {
        KEY: told.key,
        KIND: told.kind,
        "mlflow.source.type": "JOB",
        "mlflow.source.name": "genai-workflow",
    }
    body = {
        "start_time": told.begun,
        "run_name": told.name,
        "tags": [{"key": k, "value": v} for k, v in all_tags.items()],
    }
    return str(server.post("runs/create", experiment_id=experiment, **body)["run"]["info"]["run_id"])


def _log(server: TrackingServer, run: str, told: Told) -> None:
    metrics = [{"key": key, "value": value, "step": step, "timestamp": told.ended} for key, value, step in told.metrics]
    server.log(run, told.params, {name: value for name, value in told.tags.items() if value}, metrics)


def _status(records: Sequence[RunRecord], items: Items) -> str:
    """As far as the store tells: a run whose last task has a record is over, one that a gate stopped too."""
    by_task = {record.place.task: record for record in records}
    if any(record.metrics.get("passed") is False for record in records):
        return FAILED
    if DEPLOY in by_task:
        return FINISHED
    return KILLED if _is_silent(items) else RUNNING
