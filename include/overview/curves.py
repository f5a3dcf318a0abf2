"""Loss curves of trainings: of those that have ended by their records, of those that go on by their jobs."""

from collections.abc import Sequence
from typing import NamedTuple

from include.artifacts.document import JOBS
from include.artifacts.history import RunRecord
from include.artifacts.workspace import forced_job
from include.core.errors import ArtifactNotFoundError
from include.distributed.meter import CURVES
from include.jobs.book import Job
from include.overview.indicators import Count, Told
from include.overview.kept import Reader, parsed
from include.overview.records import Records

PRETRAIN, REWARD = "training.pretrain", "customization.train_reward_model"
TRAINS = (PRETRAIN, REWARD, "customization.tune")
# where their records are, and those of the rungs of the race
TRAININGS = (*(f"{task}/" for task in TRAINS), "customization.rung_")


class LiveTask(NamedTuple):
    """A task instance that waits for a training job; `label` is what the web UI calls it, empty for no name."""

    run_id: str
    task: str
    map_index: int
    label: str
    job: str


class _Document(Told):
    step: Count
    steps: Count
    losses: tuple[tuple[Count, float], ...] = ()
    validations: tuple[tuple[Count, dict[str, float]], ...] = ()
    tokens_per_second: float | None = None
    eta_seconds: float | None = None


class Curve(NamedTuple):
    """A training: how far it is, and its mean loss until each of some steps; none where nothing was told.

    `validation` are the losses on what is not trained on, by kind.
    """

    task: str
    map_index: int
    name: str
    live: bool
    step: int = 0
    steps: int = 0
    losses: tuple[tuple[int, float], ...] = ()
    validation: tuple[tuple[str, tuple[tuple[int, float], ...]], ...] = ()
    tokens_per_second: float | None = None
    eta_seconds: float | None = None


def read_curves(reader: Reader, records: Records, live: Sequence[LiveTask]) -> tuple[Curve, ...]:
    """The curves of a step's trainings in one run: that of its `live` tasks, else the newest that has left any."""
    ended = [record for task, ones in records.items() if trains(task) for record in ones if record.metrics.get("steps")]
    by_age = sorted(ended, key=lambda record: (record.place.as_of, record.at))
    shown = {_step(record.place.task): record.place.run_id for record in by_age}
    shown |= {_step(one.task): one.run_id for one in live}
    going = {(one.task, one.map_index) for one in live}
    return (
        *(
            _ended(reader, record)
            for record in ended
            if record.place.run_id == shown[_step(record.place.task)]
            and (record.place.task, record.place.map_index) not in going
        ),
        *(_live(reader, one) for one in live),
    )


def trains(task: str) -> bool:
    """Whether a task is a training: on a rung of the race too."""
    return task in TRAINS or (task.startswith("customization.rung_") and task.endswith(".tune"))


def _step(task: str) -> str:
    return task.partition(".")[0]


def _ended(reader: Reader, record: RunRecord) -> Curve:
    step, fingerprint = record.ref.step, record.ref.fingerprint
    # a forced run tells under a name of its own
    names = [fingerprint] if record.reused else [forced_job(fingerprint, record.place.run_id), fingerprint]
    name = str(record.metrics.get("technique") or "") or _plain(record.place.task)
    curve = Curve(record.place.task, record.place.map_index, name, live=False)
    for key in (CURVES.format(step=step, fingerprint=name) for name in names):
        try:
            return _with(curve, reader, key)
        except ArtifactNotFoundError:
            continue
    return curve


def _live(reader: Reader, task: LiveTask) -> Curve:
    curve = Curve(task.task, task.map_index, task.label or _plain(task.task), live=True)
    try:
        key = f"{JOBS}{task.job.partition('/')[0]}/job.json"
        job = parsed(Job, reader.bucket.get_bytes(key)[0], key)
        return _with(curve, reader, job.request.curves)
    except ArtifactNotFoundError:
        return curve


def _with(curve: Curve, reader: Reader, key: str) -> Curve:
    told = parsed(_Document, reader.bucket.get_bytes(key)[0], key)
    kinds = dict.fromkeys(kind for _, losses in told.validations for kind in losses)
    return curve._replace(
        step=told.step,
        steps=told.steps,
        losses=told.losses,
        validation=tuple(
            (kind, tuple((step, losses[kind]) for step, losses in told.validations if kind in losses)) for kind in kinds
        ),
        tokens_per_second=told.tokens_per_second,
        eta_seconds=told.eta_seconds if curve.live else None,
    )


def _plain(task: str) -> str:
    """What a training is called that has no name of its own."""
    return {PRETRAIN: "from scratch", REWARD: "reward model"}.get(task, task.rpartition(".")[2])
