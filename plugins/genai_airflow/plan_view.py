"""Serves a plan to signed-in users who may read the DAG: as JSON for `genai plan`, as a page for the web UI."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from genai_airflow.report_link import VIEW_PREFIX
from genai_airflow.store_connection import open_store
from genai_airflow.use_case_catalog import use_case_of
from genai_airflow.views.pages import Crumb
from genai_airflow.views.problems import problem_page
from genai_airflow.views.report_pages import report_page
from include.artifacts.report import Report
from include.core.errors import GenaiError, TransientError

if TYPE_CHECKING:
    from genai_airflow.planned import Plan

HEADERS = {
    # it holds text from the sources: it may run nothing, load nothing and be framed by Airflow only
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
# a person waits, and asks again
RETRIES = 1

router = APIRouter(dependencies=[Depends(requires_access_dag(method="GET", access_entity=DagAccessEntity.XCOM))])


class Options(BaseModel):
    """What the run's conf would hold."""

    model_config = ConfigDict(extra="forbid")
    overrides: dict[str, Any] = Field({}, description="Dotted path -> value.")
    force_rerun: bool = False
    as_of: str = Field("", description="Moment whose data the run looks at, ISO 8601; empty: now.")


# options make the plan read what a run would read: for those who may start one
@router.post(
    "/plan/{dag_id}",
    dependencies=[Depends(requires_access_dag(method="POST", access_entity=DagAccessEntity.RUN))],
)
def plan_json(dag_id: str, options: Options) -> JSONResponse:
    """The plan of a run with these options; 400 where one is wrong, 503 where the store does not answer."""
    try:
        return JSONResponse(_plan(dag_id, options).model_dump(mode="json"), headers=HEADERS)
    except GenaiError as error:
        return JSONResponse({"detail": _message(dag_id, error)}, status_code=_status(error), headers=HEADERS)


@router.get("/plan/{dag_id}/page")
def plan_page(dag_id: str) -> HTMLResponse:
    """The plan of a run without options, as a page."""
    from include.cli.plan import HEADERS as COLUMNS
    from include.cli.plan import plan_rows, plan_sums

    crumbs = (Crumb("Use cases", f"{VIEW_PREFIX}/workflow"), Crumb(use_case_of(dag_id)), Crumb("Plan"))
    try:
        told = _plan(dag_id, Options()).model_dump(mode="json")
    except GenaiError as error:
        return problem_page("Plan", error, crumbs)
    report = Report(f"If {dag_id} ran now").table(COLUMNS, plan_rows(told))
    for line in [*plan_sums(told), f"Of a run with other options: genai plan {dag_id} --set KEY=VALUE"]:
        report.text(line)
    return report_page(report, crumbs)


def _plan(dag_id: str, options: Options) -> "Plan":
    # every Airflow program loads its plugins, and one of them plans
    from genai_airflow.plan import plan
    from genai_airflow.planned_run import read_dag

    store = open_store(retries=RETRIES)
    return plan(read_dag(dag_id), store, overrides=options.overrides, as_of=options.as_of, force=options.force_rerun)


def _status(error: GenaiError) -> int:
    return 503 if isinstance(error, TransientError) else 400


def _message(dag_id: str, error: GenaiError) -> str:
    logging.getLogger(__name__).warning("plan of %s: %s", dag_id, error)
    return str(error)
