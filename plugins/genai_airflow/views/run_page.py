"""What the tasks of one run did: reused or ran and why, with their figures and the way to their reports."""

from collections.abc import Mapping
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.taskinstance import TaskInstance
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from genai_airflow.report_link import VIEW_PREFIX, report_path
from genai_airflow.store_connection import open_store
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX
from genai_airflow.views.lineage import RETRIES, Asked
from genai_airflow.views.pages import Crumb, render
from genai_airflow.views.problems import problem_page
from genai_airflow.views.words import duration
from include.artifacts.history import RunRecord
from include.core.errors import GenaiError

FIGURES = 3
# how Airflow calls what stopped a task, or keeps it going
TOLD = {"failed": "bad", "upstream_failed": "bad", "running": "live", "queued": "live", "up_for_retry": "warn"}

router = APIRouter(dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))])


@router.get("/runs/{dag_id}/{run_id}")
def run_page(dag_id: str, run_id: str, session: SessionDep) -> HTMLResponse:
    """A row a task instance, in the order in which they ended; then those that have not ended, with their state."""
    from include.artifacts.history import History

    crumbs = (Crumb("Use cases", f"{VIEW_PREFIX}/workflow"), Crumb(dag_id), Crumb(f"Run {run_id}"))
    try:
        records = History(open_store(retries=RETRIES).bucket).of_run(dag_id, run_id)
    except GenaiError as error:
        return problem_page(f"Run {run_id}", error, crumbs)
    as_of = records[0].place.as_of if records else ""
    told = _told(session, dag_id, run_id)
    records = [record for record in records if _holds(record, told)]
    ended = {(record.place.task, record.place.map_index) for record in records}
    others = [_other(task, index, state) for (task, index), state in told.items() if (task, index) not in ended]
    rows = [*others, *(_row(dag_id, record) for record in records)]
    sums = {
        "ran": sum(not record.reused for record in records),
        "reused": sum(record.reused for record in records),
        "seconds": sum(record.seconds for record in records if not record.reused),
        "saved": sum(record.seconds for record in records if record.reused),
    }
    # what a look at serving descends from is the use case's, whose DAG has readers of its own
    lineage = "" if dag_id.endswith(OPERATIONS_SUFFIX) else Asked(dag_id, run=run_id).url()
    return render("run.html", f"Run {run_id}", crumbs, rows=rows, sums=sums, lineage=lineage, as_of=as_of)


def _row(dag_id: str, record: RunRecord) -> dict[str, Any]:
    from include.cli.summary import number

    place = record.place
    plain = {name: value for name, value in record.metrics.items() if isinstance(value, bool | int | float | str)}
    figures = [f"{name.replace('_', ' ')} {number(value)}" for name, value in list(plain.items())[:FIGURES]]
    failed = record.metrics.get("passed") is False
    return {
        "task": place.task,
        "index": place.map_index,
        "state": "not passed" if failed else "reused" if record.reused else "ran",
        "look": "bad" if failed else "" if record.reused else "good",
        "why": record.reason.removeprefix("reused: ").removeprefix("ran: "),
        "figures": ", ".join(figures),
        "seconds": duration(record.seconds),
        "report": report_path(dag_id, place.run_id, place.task, place.map_index),
    }


def _told(session: Session, dag_id: str, run_id: str) -> dict[tuple[str, int], str]:
    """What has failed, waits or runs, with its state: Airflow knows of it, the store does not."""
    query = select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state).where(
        TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id, TaskInstance.state.in_(TOLD)
    )
    return {(task, index): str(state) for task, index, state in session.execute(query)}


def _holds(record: RunRecord, told: Mapping[tuple[str, int], str]) -> bool:
    """Whether a record is of its task's last try: a gate that does not pass leaves one, and fails."""
    state = told.get((record.place.task, record.place.map_index))
    return state is None or (state == "failed" and record.metrics.get("passed") is False)


def _other(task: str, index: int, state: str) -> dict[str, Any]:
    told = {"task": task, "index": index, "state": state.replace("_", " "), "look": TOLD[state]}
    return told | {"why": "", "figures": "", "seconds": "", "report": ""}
