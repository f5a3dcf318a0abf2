"""What Airflow's database says of one run's tasks, and of the looks at what serves."""

import json
from datetime import datetime
from typing import NamedTuple

from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from genai_airflow.job_operator import RunJobOperator
from genai_airflow.references import restore_refs
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX
from genai_airflow.views.airflow_runs import ENDED
from include.artifacts.ref import ArtifactRef
from include.overview.curves import LiveTask, trains


class Task(NamedTuple):
    """A task instance; `label` is empty for one without a name of its own, `seconds` None before it has begun."""

    task: str
    map_index: int
    label: str
    state: str
    seconds: float | None


class Look(NamedTuple):
    """A look at what serves: the run that made it, and its report."""

    run_id: str
    ref: ArtifactRef


def tasks_of(session: Session, use_case: str, run_id: str, now: datetime) -> list[Task]:
    """The task instances of a run, in the order in which they began, those that have not after them."""
    columns = (
        TaskInstance.task_id,
        TaskInstance.map_index,
        TaskInstance._rendered_map_index,
        TaskInstance.state,
        TaskInstance.start_date,
        TaskInstance.end_date,
    )
    mine = (TaskInstance.dag_id == use_case, TaskInstance.run_id == run_id)
    rows = session.execute(select(*columns).where(*mine)).all()
    ordered = sorted(rows, key=lambda row: (row.start_date is None, row.start_date or now, row.task_id, row.map_index))
    return [
        Task(
            row.task_id,
            row.map_index,
            row[2] or "",
            row.state or "",
            ((row.end_date or now) - row.start_date).total_seconds() if row.start_date else None,
        )
        for row in ordered
    ]


def live_trainings(session: Session, use_case: str, run_id: str, tasks: list[Task]) -> list[LiveTask]:
    """Those of a run's tasks that wait for a training, with the job that each has submitted."""
    waiting = {(one.task, one.map_index): one for one in tasks if one.state == "running" and trains(one.task)}
    if not waiting:
        return []
    columns = (TaskStateStoreModel.task_id, TaskStateStoreModel.map_index, TaskStateStoreModel.value)
    rows = session.execute(
        select(*columns).where(
            TaskStateStoreModel.dag_id == use_case,
            TaskStateStoreModel.run_id == run_id,
            TaskStateStoreModel.key == RunJobOperator.external_id_key,
        )
    )
    jobs = {(task, index): _text(value) for task, index, value in rows}
    return [LiveTask(task, index, one.label, jobs.get((task, index), "")) for (task, index), one in waiting.items()]


def looks_of(session: Session, use_case: str) -> dict[str, Look]:
    """Task -> the report of the newest run of a use case's operations that has ended; none where nothing serves."""
    dag = f"{use_case}{OPERATIONS_SUFFIX}"
    newest = select(func.max(DagRun.logical_date)).where(DagRun.dag_id == dag, DagRun.state.in_(ENDED))
    runs = select(DagRun.id).where(DagRun.dag_id == dag, DagRun.logical_date == newest.scalar_subquery())
    rows = session.scalars(select(XComModel).where(XComModel.dag_run_id.in_(runs), XComModel.key == "return_value"))
    found = {}
    for row in rows:
        ref = restore_refs(XComModel.deserialize_value(row))
        if isinstance(ref, ArtifactRef):
            found[row.task_id] = Look(row.run_id, ref)
    return found


def _text(value: str) -> str:
    """A value of the task state store, which keeps JSON."""
    try:
        found = json.loads(value)
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""
