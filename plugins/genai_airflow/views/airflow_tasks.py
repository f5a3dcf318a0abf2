"""What Airflow's database says of one run's tasks, and of the looks at what serves."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import State
from sqlalchemy import select
from sqlalchemy.orm import Session

from genai_airflow.job_operator import RunJobOperator
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX
from genai_airflow.views.airflow_runs import last_ended
from genai_airflow.views.handed_on import ref_in
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


def live_trainings(session: Session, use_case: str, run_id: str, tasks: Sequence[Task]) -> list[LiveTask]:
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
    return [
        LiveTask(run_id, task, index, one.label, jobs.get((task, index), "")) for (task, index), one in waiting.items()
    ]


def trainings_to_come(tasks: Sequence[Task]) -> bool:
    """Whether any training of a run that goes on has yet to end: between two of them none runs."""
    ended = {state.value for state in State.finished}
    return any(trains(one.task) and one.state not in ended for one in tasks)


def looks_of(session: Session, use_case: str) -> dict[str, Look]:
    """Task -> the report of the newest run of a use case's operations that has ended; none where nothing serves."""
    dag = f"{use_case}{OPERATIONS_SUFFIX}"
    ended = XComModel.dag_run_id.in_(last_ended([dag]))
    rows = session.scalars(select(XComModel).where(ended, XComModel.key == "return_value"))
    return {row.task_id: Look(row.run_id, ref) for row in rows if (ref := ref_in(row))}


def _text(value: str) -> str:
    """A value of the task state store, which keeps JSON."""
    try:
        found = json.loads(value)
    except ValueError:
        return ""
    return found if isinstance(found, str) else ""
