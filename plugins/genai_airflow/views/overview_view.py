"""Serves the page with all use cases: how the steps of each one's newest run stand, and what came of it."""

import logging
from collections.abc import Collection, Sequence

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from genai_airflow.plan_view import RETRIES
from genai_airflow.store_connection import open_store
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX
from genai_airflow.views.airflow_runs import asked_of, names_of
from genai_airflow.views.broken_files import problems_of
from genai_airflow.views.pages import render
from genai_airflow.views.rows import FILTERS, shown
from include.core.errors import GenaiError
from include.overview.cases import Asked, Overview, read_cases, without_store
from include.overview.kept import Kept, Reader

# of all use cases, and of the pages of each: a verdict and a charter are read once
KEPT = Kept()

router = APIRouter()


@router.get("/workflow", dependencies=[Depends(requires_access_dag(method="GET"))])
def workflow(user: GetUserDep, session: SessionDep) -> HTMLResponse:
    """All use cases that the user may read; those that cannot be loaded with their errors."""
    use_cases = readable(user)
    names = names_of(session, use_cases)
    told = _overview(asked_of(session, use_cases, looked_at(user, use_cases)))
    problems = problems_of([name for name in use_cases if name not in names])
    rows = [shown(row, names.get(row.name), problems.get(row.name, "")) for row in told.rows]
    return render("overview.html", "Use cases", rows=rows, filters=FILTERS, problem=told.problem, wide=True)


def readable(user: GetUserDep) -> list[str]:
    """The use cases whose DAG the user may read, with what its tasks hand each other."""
    from include.use_cases import use_case_names

    dags = get_auth_manager().filter_authorized_dag_ids(dag_ids=set(use_case_names()), user=user)
    return sorted(name for name in dags if may_read(user, name))


def may_read(user: GetUserDep, dag: str) -> bool:
    """Whether a user may read what the tasks of a DAG hand each other."""
    details, entity = DagDetails(id=dag), DagAccessEntity.XCOM
    return get_auth_manager().is_authorized_dag(method="GET", access_entity=entity, details=details, user=user)


def looked_at(user: GetUserDep, use_cases: Collection[str]) -> list[str]:
    """Those of use cases whose operations the user may read, too."""
    return [name for name in use_cases if may_read(user, f"{name}{OPERATIONS_SUFFIX}")]


def reader() -> Reader:
    """The store behind Airflow's connection; ConfigurationError where that is incomplete."""
    return Reader(open_store(retries=RETRIES), KEPT)


def _overview(asked: Sequence[Asked]) -> Overview:
    try:
        told = read_cases(reader(), asked)
    except GenaiError as error:
        told = without_store(asked, str(error))
    for problem in [told.problem, *(row.problem for row in told.rows)]:
        if problem:
            logging.getLogger(__name__).warning("overview: %s", problem)
    return told
