"""What Airflow's database says of the runs of use cases, for their pages: a few queries, however many there are."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import State
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX
from genai_airflow.views.handed_on import value_in
from include.overview.cases import Asked
from include.overview.runs import Run
from include.overview.steps import STEPS, TaskCount

ENDED = [state.value for state in State.finished_dr_states]
COST = "cost"
# of the runs of a use case that were told their moment, so many are asked which looks at the newest
TOLD = 20
_MOMENT = func.coalesce(DagRun.data_interval_end, DagRun.run_after)
# the rows themselves would bring what they are joined with
_OF_A_RUN = (
    DagRun.id,
    DagRun.dag_id,
    DagRun.run_id,
    DagRun.state,
    DagRun.start_date,
    DagRun.end_date,
    DagRun.data_interval_end,
    DagRun.run_after,
    DagRun.conf,
)


class Name(NamedTuple):
    """What a DAG calls a use case; `paused`: it runs by hand only."""

    title: str
    goal: str
    paused: bool


def names_of(session: Session, use_cases: Collection[str]) -> dict[str, Name]:
    """The names of those use cases that have a DAG."""
    columns = (DagModel.dag_id, DagModel._dag_display_property_value, DagModel.description, DagModel.is_paused)
    rows = session.execute(select(*columns).where(DagModel.dag_id.in_(use_cases)))
    return {dag_id: Name(title or dag_id, goal or "", bool(paused)) for dag_id, title, goal, paused in rows}


def asked_of(session: Session, use_cases: Collection[str], looked: Collection[str]) -> list[Asked]:
    """The use cases, each with its newest run and, of those in `looked`, what the newest look at cost has said."""
    runs, looks = newest_runs(session, use_cases), _costs(session, looked)
    return [Asked(name, runs.get(name), looks.get(name)) for name in use_cases]


def newest_runs(session: Session, use_cases: Collection[str]) -> dict[str, Run]:
    """Of each use case that has run, the run that looks at the newest moment, and of those the last one made."""
    told = func.coalesce(DagRun.conf["as_of"].as_string(), "") != ""
    place = func.row_number().over(partition_by=(DagRun.dag_id, told), order_by=(_MOMENT.desc(), DagRun.id.desc()))
    ranked = select(DagRun.id, told.label("told"), place.label("place")).where(DagRun.dag_id.in_(use_cases)).subquery()
    asked = (ranked.c.place == 1) | (ranked.c.told & (ranked.c.place <= TOLD))
    runs = session.execute(select(*_OF_A_RUN).join(ranked, DagRun.id == ranked.c.id).where(asked)).all()
    newest = {run.dag_id: run for run in sorted(runs, key=lambda run: (as_of(run), run.id))}
    counts = _counts(session, [run.id for run in newest.values()])
    return {dag_id: _run(run, counts.get(dag_id, ())) for dag_id, run in newest.items()}


def _run(run: Any, counted: Sequence[tuple[TaskCount, datetime | None]]) -> Run:
    live = run.state not in ENDED
    signs = [run.end_date, run.start_date, *(last for _, last in counted)]
    newest = max((_iso(sign) for sign in signs), default="")
    return Run(run.run_id, as_of(run), live, newest, tuple(count for count, _ in counted))


def as_of(run: Any) -> str:
    """The moment that a run looks at, as its tasks tell it: see `run_options.place_of`; empty where they refuse it."""
    asked = (run.conf or {}).get("as_of")
    try:
        moment = datetime.fromisoformat(asked) if asked else run.data_interval_end or run.run_after
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return ""
    return "" if asked and moment > datetime.now(UTC) else moment.isoformat()


def _counts(session: Session, runs: Collection[int]) -> Mapping[str, list[tuple[TaskCount, datetime | None]]]:
    """DAG -> how many task instances of each step of its run are in which state, and when one began or ended last."""
    step = case(*((TaskInstance.task_id.like(f"{name}.%"), name) for name in STEPS), else_="")
    last = func.max(func.coalesce(TaskInstance.end_date, TaskInstance.start_date))
    grouped = (
        select(TaskInstance.dag_id, step, TaskInstance.state, func.count(), last)
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(DagRun.id.in_(runs))
        .group_by(TaskInstance.dag_id, step, TaskInstance.state)
    )
    found: dict[str, list[tuple[TaskCount, datetime | None]]] = defaultdict(list)
    for dag_id, name, state, number, moment in session.execute(grouped):
        found[dag_id].append((TaskCount(name, state or "", number), moment))
    return found


def _costs(session: Session, use_cases: Collection[str]) -> dict[str, dict[str, Any]]:
    """Use case -> the metrics of the newest look at its cost, if its last run of operations made one."""
    dags = [f"{name}{OPERATIONS_SUFFIX}" for name in use_cases]
    rows = session.scalars(
        select(XComModel).where(
            XComModel.dag_run_id.in_(last_ended(dags)), XComModel.task_id == COST, XComModel.key == "outcome"
        )
    )
    found = {}
    for row in rows:
        value = value_in(row)
        if isinstance(value, dict) and isinstance(value.get("metrics"), dict):
            found[row.dag_id.removesuffix(OPERATIONS_SUFFIX)] = value["metrics"]
    return found


def last_ended(dags: Collection[str]) -> Select[tuple[int]]:
    """The id of each DAG's newest run that has ended."""
    place = func.row_number().over(partition_by=DagRun.dag_id, order_by=(_MOMENT.desc(), DagRun.id.desc()))
    ended = select(DagRun.id, place.label("place")).where(DagRun.dag_id.in_(dags), DagRun.state.in_(ENDED)).subquery()
    return select(ended.c.id).where(ended.c.place == 1)


def _iso(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""
