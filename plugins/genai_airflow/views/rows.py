"""A use case's row of the overview as it is shown, sorted and filtered."""

from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from genai_airflow.views.airflow_runs import Name
from genai_airflow.views.words import STATES, STEP_NAMES, URGENCY, ago, clock, number
from include.overview.cases import Money, Row
from include.overview.indicators import Judged
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
    cost: Cell
    activity: Cell
    problem: str
    tags: tuple[str, ...]


def shown(row: Row, name: Name | None, problem: str) -> Shown:
    """A row; `name` is what its DAG calls it, `problem` why there is no DAG."""
    told = "; ".join(one for one in (problem, row.problem) if one)
    dag = quote(row.name, safe="")
    run = quote(row.run.run_id, safe="")
    now = datetime.now(UTC)
    return Shown(
        title=name.title if name else row.name,
        name=row.name,
        goal=name.goal if name else "",
        path=f"/genai/workflow/{dag}",
        run=f"/dags/{dag}/runs/{run}" if run and name else "",
        paused=bool(name and name.paused),
        steps=tuple((STEP_NAMES[step.step], _step(step)) for step in row.run.steps),
        champion=Cell(row.champion, row.champion or "~"),
        rollout=row.rollout,
        indicators=_indicators(row.judged),
        cost=_cost(row.cost),
        activity=Cell(ago(row.activity, now), row.activity, title=clock(row.activity)),
        problem=told,
        tags=_tags(row, told),
    )


def _step(step: StepState) -> Cell:
    word, look = STATES[step.state]
    return Cell(word, URGENCY.index(step.state), look, step.told)


def _indicators(judged: Judged | None) -> Cell:
    """Of the required ones, how many are met; of all where none is required."""
    if judged is None:
        return Cell("", 2)
    counted = judged.required or judged.indicators
    met = sum(one.met for one in counted)
    words = f"{met} of {len(counted)}"
    missed = "; ".join(
        f"{one.name}: {number(one.customized) or 'not measured'}, asked: {one.asked}" for one in counted if not one.met
    )
    look = "good" if met == len(counted) else "bad" if judged.required else "warn"
    return Cell(words, met / max(1, len(counted)), look, missed or "all are met")


def _cost(cost: Money | None) -> Cell:
    if cost is None:
        return Cell("", -1)
    look = "bad" if cost.share > 1 else "warn" if cost.share > 0.8 else ""
    share = f"{cost.share:.0%}" if cost.budget else "no budget"
    return Cell(
        f"{number(round(cost.spent, 2))} of {number(cost.budget)} {cost.currency}",
        cost.share,
        look,
        f"{share} of the budget, {cost.what}",
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
