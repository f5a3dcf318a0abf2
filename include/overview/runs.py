"""The newest run of a use case: as Airflow tells it, or as the store remembers it where Airflow does not any more."""

from typing import NamedTuple

from include.artifacts.history import RUNS, History, Place, RunRecord
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.overview.kept import Reader, parsed
from include.overview.steps import LAST, STEPS, StepState, TaskCount, by_records, by_tasks

FIRST = LAST[STEPS[0]]


class Run(NamedTuple):
    """A run as Airflow tells it. `activity` is its newest sign of life, ISO 8601, empty for none; `counts` are of its
    task instances."""

    run_id: str
    as_of: str
    live: bool
    activity: str = ""
    counts: tuple[TaskCount, ...] = ()


class Seen(NamedTuple):
    """A run as it is shown: how its steps stand, its newest sign of life, and its charter where it has one."""

    run_id: str
    as_of: str
    live: bool
    steps: tuple[StepState, ...]
    activity: str = ""
    charter: ArtifactRef | None = None


NEVER = Seen("", "", False, tuple(StepState(step, "none") for step in STEPS))


def told_by_airflow(run: Run | None) -> Seen:
    """Without any look at the store."""
    if run is None:
        return NEVER
    return Seen(run.run_id, run.as_of, run.live, by_tasks(run.counts, live=run.live), run.activity)


def remembered(reader: Reader, use_case: str) -> Seen:
    """The run that looks at the newest moment, of those whose charter is on record; NEVER where none is.

    Six requests at most. CorruptedArtifactError where the record of its charter cannot be read.
    """
    items = reader.bucket.objects(f"{RUNS}{use_case}/{FIRST}/-1/")
    if not items:
        return NEVER
    newest = max(items, key=lambda item: item.key)
    first = parsed(RunRecord, reader.object(newest), newest.key)
    name = {field: getattr(first.place, field) for field in RunName.model_fields}
    history = History(reader.bucket)
    found = {task: history.of(Place(task=task, **name)) for task in LAST.values() if task != FIRST}
    records = {FIRST: first} | {task: record for task, record in found.items() if record}
    last = max(record.at for record in records.values())
    return Seen(first.place.run_id, first.place.as_of, False, by_records(records), last, first.ref)


def charter_of(reader: Reader, use_case: str, run: Seen) -> ArtifactRef | None:
    """The charter of a run; None where it has not come so far."""
    if run.charter or not run.as_of:
        return run.charter
    place = Place(use_case=use_case, run_id=run.run_id, as_of=run.as_of, task=FIRST)
    record = History(reader.bucket).of(place)
    return record.ref if record else None
