"""Everything this project adds to Airflow's web UI."""

from airflow.plugins_manager import AirflowPlugin
from genai_airflow.plan_view import router
from genai_airflow.portfolio_view import router as portfolio_router
from genai_airflow.report_link import VIEW_PREFIX
from genai_airflow.report_view import app
from genai_airflow.review_view import router as review_router
from genai_airflow.views.case_view import router as case_router
from genai_airflow.views.lineage import router as lineage_router
from genai_airflow.views.overview_view import router as overview_router
from genai_airflow.views.pages import router as assets_router
from genai_airflow.views.run_page import router as run_router

app.include_router(router)
app.include_router(portfolio_router)
app.include_router(review_router)
app.include_router(assets_router)
app.include_router(overview_router)
app.include_router(lineage_router)
app.include_router(run_router)
app.include_router(case_router)


class GenaiPlugin(AirflowPlugin):
    """Reports of task instances, tabs of each DAG and run, and two pages about all use cases."""

    name = "genai"
    fastapi_apps = [{"app": app, "url_prefix": VIEW_PREFIX, "name": "genai"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Report",
            "href": VIEW_PREFIX + "/reports/{DAG_ID}/{RUN_ID}/{TASK_ID}?map_index={MAP_INDEX}",
            "destination": "task_instance",
            "url_route": "report",
        },
        {
            "name": "Workflow",
            "href": VIEW_PREFIX + "/workflow/{DAG_ID}",
            "destination": "dag",
            "url_route": "workflow",
        },
        {
            "name": "Lineage",
            "href": VIEW_PREFIX + "/lineage/{DAG_ID}",
            "destination": "dag",
            "url_route": "lineage",
        },
        {
            "name": "Plan",
            "href": VIEW_PREFIX + "/plan/{DAG_ID}/page",
            "destination": "dag",
            "url_route": "plan",
        },
        {
            "name": "Review",
            "href": VIEW_PREFIX + "/review/{DAG_ID}/page",
            "destination": "dag",
            "url_route": "review",
        },
        {
            "name": "Results",
            "href": VIEW_PREFIX + "/runs/{DAG_ID}/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "results",
        },
        {
            "name": "Lineage",
            "href": VIEW_PREFIX + "/lineage/{DAG_ID}?run={RUN_ID}",
            "destination": "dag_run",
            "url_route": "run_lineage",
        },
        # pages of their own, with the whole window
        {
            "name": "Use cases",
            "href": VIEW_PREFIX + "/workflow",
            "destination": "nav",
            "category": "browse",
        },
        {
            "name": "Portfolio",
            "href": VIEW_PREFIX + "/portfolio",
            "destination": "nav",
            "category": "browse",
        },
    ]
