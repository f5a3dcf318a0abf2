"""All use cases beside one another: a row each, from one listing and what has changed since the last look."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeGuard, TypeVar

from include.artifacts.bucket import StoredObject
from include.artifacts.document import ALIASES
from include.core.errors import GenaiError
from include.inferencing.champion import NAME, Alias
from include.overview.indicators import MOST, Charter, Judged, charter_behind, read_charter, read_judged
from include.overview.kept import Reader, parsed
from include.overview.runs import NEVER, Run, Seen, charter_of, remembered, told_by_airflow

# as many as the store's client has connections
READERS = 16
T = TypeVar("T")
# what reading a part raises where the store holds what cannot be
DAMAGE = (GenaiError, ValueError, ArithmeticError)
_UNJUDGED: tuple[Judged | None, Charter | None] = (None, None)


class Asked(NamedTuple):
    """A use case, its newest run that Airflow knows of, and the metrics of the newest look at its cost."""

    name: str
    run: Run | None = None
    cost: Mapping[str, Any] | None = None


class Money(NamedTuple):
    """What something costs beside what it may; `what` says which."""

    spent: float
    budget: float
    currency: str
    what: str

    @property
    def share(self) -> float:
        """Of the budget; infinite where there is none."""
        return self.spent / self.budget if self.budget else float("inf") if self.spent else 0.0


class Row(NamedTuple):
    """A use case. `champion` and `rollout` are empty where nothing serves or is on its way, `problem` where all could
    be read; `activity` is its newest sign of life, ISO 8601."""

    name: str
    run: Seen
    champion: str = ""
    rollout: str = ""
    judged: Judged | None = None
    cost: Money | None = None
    activity: str = ""
    problem: str = ""


class Overview(NamedTuple):
    """A row a use case, in the order they were asked for; `problem` is why the store told nothing."""

    rows: tuple[Row, ...]
    problem: str = ""


def read_cases(reader: Reader, asked: Sequence[Asked]) -> Overview:
    """The rows of use cases. What is damaged is told in its row; where the store does not answer, Airflow's part is.

    A verdict and its charter are read once; what is read at each look is one listing, changed aliases, and up to six
    requests for a use case that has no verdict yet or that Airflow has forgotten.
    """
    try:
        aliases = {item.key: item for item in reader.bucket.objects(ALIASES) if item.key.endswith(NAME)}
    except GenaiError as error:
        return without_store(asked, str(error))
    with ThreadPoolExecutor(READERS) as pool:
        rows = pool.map(lambda one: _row(reader, one, aliases.get(f"{ALIASES}{one.name}{NAME}")), asked)
        return Overview(tuple(rows))


def without_store(asked: Sequence[Asked], problem: str) -> Overview:
    """The rows as far as Airflow tells them; `problem` is why there is no more."""
    seen = [(one.name, told_by_airflow(one.run)) for one in asked]
    return Overview(tuple(Row(name, run, activity=run.activity) for name, run in seen), problem)


def _row(reader: Reader, asked: Asked, item: StoredObject | None) -> Row:
    problems: list[str] = []

    def tried(read: Callable[[], T], instead: T) -> T:
        try:
            return read()
        except DAMAGE as error:
            problems.append(str(error)[:500])
            return instead

    known = told_by_airflow(asked.run)
    run = known if asked.run else tried(lambda: remembered(reader, asked.name), NEVER)
    alias = tried(lambda: parsed(Alias, reader.object(item), item.key) if item else Alias(), Alias())
    judged, charter = tried(lambda: _verdict(reader, alias), _UNJUDGED)
    if charter is None:
        charter = tried(lambda: _charter(reader, asked.name, run), None)
    return Row(
        asked.name,
        run,
        champion=alias.champion.model_name if alias.champion else "",
        rollout=rollout_words(alias),
        judged=judged,
        cost=cost_of(asked.cost, charter),
        activity=max(run.activity, alias.log[-1].at if alias.log else ""),
        problem="; ".join(problems),
    )


def _verdict(reader: Reader, alias: Alias) -> tuple[Judged | None, Charter | None]:
    """The newest verdict, and the charter that it held models to."""
    if alias.verdict is None:
        return None, None
    gate = reader.manifest(alias.verdict.report)
    behind = charter_behind(gate)
    return read_judged(gate), read_charter(reader, behind) if behind else None


def _charter(reader: Reader, use_case: str, run: Seen) -> Charter | None:
    ref = charter_of(reader, use_case, run)
    return read_charter(reader, ref) if ref else None


def rollout_words(alias: Alias) -> str:
    """A rollout under way in a few words; empty without one."""
    if alias.rollout is None:
        return ""
    share = f" at {alias.rollout.share:.0%}" if alias.rollout.phase == "canary" else ""
    return f"{alias.rollout.candidate.model_name.rpartition('-')[2]}: {alias.rollout.phase}{share}"


def cost_of(look: Mapping[str, Any] | None, charter: Charter | None) -> Money | None:
    """What a month costs as measured, else as the charter has planned it; None where neither is known."""
    month, budget = (look.get("month"), look.get("budget")) if look else (None, None)
    if look and _is_amount(month) and _is_amount(budget):
        return Money(float(month), float(budget), str(look.get("currency") or ""), "a month at this pace")
    if charter is None:
        return None
    return Money(charter.sizing.total_cost, charter.limits.budget, charter.limits.currency, "planned")


def _is_amount(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and abs(value) <= MOST
