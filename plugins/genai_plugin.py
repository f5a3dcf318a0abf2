"""Everything this project adds to Airflow's web UI."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin
from genai_airflow.report_link import VIEW_PREFIX

if TYPE_CHECKING:
    from fastapi import FastAPI

UNLOADED = "The pages of the workflow cannot be loaded; the API server's log says why."


class GenaiPlugin(AirflowPlugin):
    """Reports of task instances, tabs of each DAG and run, and two pages about all use cases."""

    name = "genai"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The pages. Only an API server asks for them: every task loads this plugin, and need not load them too."""
        try:
            from genai_airflow.views.app import app
        except Exception:
            # Airflow would not start its API server, without which no task runs
            logging.getLogger(__name__).exception("the pages of the workflow cannot be loaded")
            app = unloaded()
        return [{"app": app, "url_prefix": VIEW_PREFIX, "name": "genai"}]

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


def unloaded() -> "FastAPI":
    """What stands in the place of pages that cannot be loaded: one that says so, on each address."""
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/{path:path}")
    def page(path: str) -> PlainTextResponse:
        return PlainTextResponse(UNLOADED, status_code=503)

    return app
