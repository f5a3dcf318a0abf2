"""Serves the comparison of all use cases to signed-in users: of each, what those who may read its DAG may see."""

from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, JSONResponse

from genai_airflow.plan_view import HEADERS
from genai_airflow.report_link import VIEW_PREFIX, below_base
from genai_airflow.views.pages import Crumb
from genai_airflow.views.report_pages import report_page

router = APIRouter(dependencies=[Depends(requires_access_dag(method="GET"))])


@router.get("/portfolio")
def portfolio_page(user: GetUserDep) -> HTMLResponse:
    """The use cases ranked, with what the scores are made of; those that cannot be loaded with their errors."""
    from include.cli.portfolio import portfolio_page as page
    from include.cli.portfolio import read_portfolio

    told = read_portfolio(_readable(user))
    links = {one.name: below_base(f"/dags/{quote(one.name, safe='')}") for one in [*told.ranked, *told.not_assessed]}
    return report_page(page(told, links), (Crumb("Use cases", f"{VIEW_PREFIX}/workflow"), Crumb("Portfolio")))


@router.get("/portfolio.json")
def portfolio_json(user: GetUserDep) -> JSONResponse:
    """The same as `genai portfolio --json`."""
    from include.cli.portfolio import read_portfolio

    return JSONResponse(read_portfolio(_readable(user)).model_dump(mode="json"), headers=HEADERS)


def _readable(user: GetUserDep) -> set[str]:
    from include.use_cases import use_case_names

    return get_auth_manager().filter_authorized_dag_ids(dag_ids=set(use_case_names()), user=user)
