"""One use case with all that is known of it; what cannot be read of it hides nothing else."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from include.artifacts.history import RunRecord
from include.artifacts.ref import ArtifactRef
from include.overview.cases import DAMAGE, Asked, Money, cost_of
from include.overview.curves import Curve, LiveTask, read_curves
from include.overview.funnel import Funnel, read_funnel
from include.overview.indicators import Charter, Count, Judged, Told, read_charter
from include.overview.kept import Reader, parsed
from include.overview.race import Race, read_race
from include.overview.records import CHECK, GATE, Records, read_records
from include.overview.runs import FIRST, Seen, remembered, told_by_airflow
from include.overview.said import Feedback, read_feedback
from include.overview.serving import Serving, read_serving

READERS = 8
COST_FILE = "cost.json"
T = TypeVar("T")


class Part(NamedTuple, Generic[T]):
    """A part of the page: what is known, the run that it is of, or why it cannot be read."""

    value: T | None
    run_id: str = ""
    problem: str = ""


class Spent(Told):
    """What a window cost; money in the look's currency, None where no price is known."""

    serving: float | None
    training: float | None
    server_hours: float
    prompt_tokens: Count
    completion_tokens: Count


class CostLook(Told):
    """Of cost.json, what is shown."""

    windows: dict[str, Spent]
    budget: float | None = None
    currency: str = ""


class Case(NamedTuple):
    """A use case. `cost` is None where neither a charter nor a look tells one; `problem` is why no run can be told."""

    name: str
    run: Seen
    charter: Part[Charter]
    judged: Part[Judged]
    funnel: Part[Funnel]
    curves: Part[tuple[Curve, ...]]
    race: Part[Race]
    serving: Part[Serving]
    feedback: Part[Feedback]
    spent: Part[CostLook]
    cost: Money | None
    problem: str


def read_case(
    reader: Reader, asked: Asked, live: Sequence[LiveTask], looks: Mapping[str, ArtifactRef], at: datetime
) -> Case:
    """All of a use case at a moment. `looks` are the newest reports of its operations, by task; `live` the tasks of
    its newest run that wait for a training."""
    run = Part(told_by_airflow(asked.run)) if asked.run else _part(lambda: remembered(reader, asked.name))
    known = _part(lambda: read_records(reader, asked.name))
    records: Records = known.value or {}
    first, gate, check = (next(iter(records.get(task, ())), None) for task in (FIRST, GATE, CHECK))
    look = looks.get("cost")
    parts: dict[str, Callable[[], object]] = {
        "charter": lambda: read_charter(reader, first.ref) if first else None,
        "judged": lambda: parsed(Judged, gate.metrics, f"the verdict {gate.ref}") if gate else None,
        "funnel": lambda: read_funnel(reader, check.ref) if check else None,
        "curves": lambda: read_curves(reader, records, live),
        "race": lambda: read_race(reader, records),
        "serving": lambda: read_serving(reader.bucket, asked.name, at),
        "feedback": lambda: read_feedback(reader, asked.name, at),
        "spent": lambda: parsed(CostLook, reader.file(look, COST_FILE), f"{COST_FILE} of {look}") if look else None,
    }
    with ThreadPoolExecutor(READERS) as pool:
        read = dict(zip(parts, pool.map(_part, parts.values()), strict=True))
    told: dict[str, RunRecord | None] = {"charter": first, "judged": gate, "funnel": check, "race": gate}
    for name, record in told.items():
        read[name] = read[name]._replace(run_id=record.place.run_id if record else "")
    for name in ("charter", "judged", "funnel", "curves", "race") if known.problem else ():
        read[name] = read[name]._replace(problem=known.problem)
    seen = run.value or told_by_airflow(None)
    return Case(asked.name, seen, **read, cost=cost_of(asked.cost, read["charter"].value), problem=run.problem)


def _part(read: Callable[[], T]) -> Part[T]:
    try:
        return Part(read())
    except DAMAGE as error:
        return Part(None, problem=str(error)[:500])
