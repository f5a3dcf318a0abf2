"""Serves a task's report from the artifact store to signed-in users who may read the DAG."""

import logging
from html import escape
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.models.xcom import XComModel
from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator
from sqlalchemy.orm import Session

from genai_airflow.store_connection import open_store
from genai_airflow.views.handed_on import ref_in
from include.artifacts.manifest import REPORT_FILE
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, GenaiError, TransientError
from include.strategy.approvals import ApprovalLog

GATE = "customization.gate"
HEADERS = {
    # the page holds text from the sources: it may run nothing, load nothing and be framed by Airflow only
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

# Airflow's web UI leaves the placeholder of a task that is not mapped as it is
MapIndex = Annotated[
    int, BeforeValidator(lambda value: -1 if value == "{MAP_INDEX}" else value), Query(ge=-1, le=2**31 - 1)
]

router = APIRouter()


@router.get(
    "/reports/{dag_id}/{run_id}/{task_id}",
    dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))],
)
def report(dag_id: str, run_id: str, task_id: str, session: SessionDep, map_index: MapIndex = -1) -> HTMLResponse:
    """report.html of the artifact that a task instance returned; 404 where there is none."""
    ref = _returned_ref(session, dag_id, run_id, task_id, map_index)
    if ref is None:
        return _page(404, "This task has no report: it has not written an artifact in this run.")
    try:
        store = open_store()
        page = store.read(ref, REPORT_FILE)
        return HTMLResponse(
            _with_approval(page, store, dag_id, ref) if ref.kind == "charter" or ref.step == GATE else page,
            headers=HEADERS,
        )
    except ArtifactNotFoundError:
        return _page(404, f"The store holds no report of {ref}.")
    except GenaiError as error:
        logging.getLogger(__name__).warning("report of %s: %s", ref, error)
        status = 503 if isinstance(error, TransientError) else 500
        return _page(status, "The report cannot be read from the store; the API server's log says why.")


def _returned_ref(session: Session, dag_id: str, run_id: str, task_id: str, map_index: int) -> ArtifactRef | None:
    """The reference in a task instance's return value, if it is one."""
    query = XComModel.get_many(
        run_id=run_id, key="return_value", dag_ids=dag_id, task_ids=task_id, map_indexes=map_index
    )
    row = session.scalars(query).first()
    return ref_in(row) if row else None


def _with_approval(page: bytes, store: ArtifactStore, dag_id: str, asked: ArtifactRef) -> str:
    """The page of what people approve, with what they said of it since it was written."""
    from include.cli.approvals import approval_section

    decisions = ApprovalLog(store.bucket, dag_id, asked).read()
    return approval_section(asked, decisions).below(page.decode())


def _page(status: int, text: str) -> HTMLResponse:
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Report</title><p>{escape(text)}</p></html>'
    return HTMLResponse(page, status_code=status, headers=HEADERS)
