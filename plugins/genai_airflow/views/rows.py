"""A use case's row of the overview as it is shown, sorted and filtered."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from genai_airflow.views.airflow_runs import Name
from genai_airflow.views.words import STATES, STEP_NAMES, URGENCY, ago, clock, money, number
from include.inferencing.champion import model_prefix
from include.overview.cases import Money, Row
from include.overview.indicators import MOST, Indicator, Judged
from include.overview.steps import StepState

# what may be asked for -> what the choice is called
FILTERS = {
    "": "All",
    "running": "A run is under way",
    "asks": "A person is asked",
    "failed": "A step has failed",
    "missed": "A required indicator is missed",
    "over": "Over budget",
    "unserved": "Nothing serves",
    "problem": "Something cannot be read",
}


class Cell(NamedTuple):
    """What a cell says, what it is sorted by, its look, and what it says in full."""

    text: str
    order: float | str
    look: str = ""
    title: str = ""


class Shown(NamedTuple):
    """A row as the page has it; `tags` are the filters that it passes, `path` leads to its page, `run` to its run."""

    title: str
    name: str
    goal: str
    path: str
    run: str
    paused: bool
    steps: tuple[tuple[str, Cell], ...]
    champion: Cell
    rollout: str
    indicators: Cell
    missed: str
    cost: Cell
    activity: Cell
    problem: str
    tags: tuple[str, ...]


def shown(row: Row, name: Name | None, problem: str) -> Shown:
    """A row; `name` is what its DAG calls it, `problem` why there is no DAG."""
    told = "; ".join(one for one in (problem, row.problem) if one)
    dag = quote(row.name, safe="")
    run = quote(row.run.run_id, safe="")
    return Shown(
        title=name.title if name else row.name,
        name=row.name,
        goal=name.goal if name else "",
        path=f"/genai/workflow/{dag}",
        run=f"/dags/{dag}/runs/{run}" if run and name else "",
        paused=bool(name and name.paused),
        steps=tuple((STEP_NAMES[step.step], _step(step)) for step in row.run.steps),
        champion=Cell(row.champion.removeprefix(model_prefix(row.name)), row.champion or "~", title=row.champion),
        rollout=row.rollout,
        indicators=_indicators(row.judged),
        missed=", ".join(one.name for one in _counted(row.judged) if not one.met),
        cost=_cost(row.cost),
        activity=Cell(ago(row.activity), row.activity, title=clock(row.activity)),
        problem=told,
        tags=_tags(row, told),
    )


def _step(step: StepState) -> Cell:
    word, look = STATES[step.state]
    return Cell(word, URGENCY.index(step.state), look, step.told)


def _counted(judged: Judged | None) -> Sequence[Indicator]:
    """The required indicators; where none is required, all."""
    return (judged.required or judged.indicators) if judged else ()


def _indicators(judged: Judged | None) -> Cell:
    counted = _counted(judged)
    if judged is None or not counted:
        return Cell("", 2)
    met = sum(one.met for one in counted)
    look = "good" if met == len(counted) else "bad" if judged.required else "warn"
    kind = "required ones" if judged.required else "all of them, none is required"
    return Cell(f"{met} of {len(counted)}", met / len(counted), look, kind)


def _cost(cost: Money | None) -> Cell:
    if cost is None:
        return Cell("", -1)
    look = "bad" if cost.share > 1 else "warn" if cost.share > 0.8 else ""
    share = f"{cost.share:.0%}" if cost.budget else "no budget"
    return Cell(
        f"{money(cost.spent)} of {number(cost.budget)} {cost.currency}",
        # a page sorts what is no finite number as words
        min(cost.share, MOST),
        look,
        f"{share}, {cost.what}",
    )


def _tags(row: Row, problem: str) -> tuple[str, ...]:
    states = {step.state for step in row.run.steps}
    held = {
        "running": row.run.live,
        "asks": "asks" in states,
        "failed": "failed" in states,
        "missed": bool(row.judged and any(not one.met for one in row.judged.required)),
        "over": bool(row.cost and row.cost.share > 1),
        "unserved": not row.champion,
        "problem": bool(problem),
    }
    return tuple(name for name, holds in held.items() if holds)
