"""All pages, as the application that Airflow's API server mounts."""

from fastapi import FastAPI

from genai_airflow import plan_view, portfolio_view, report_view, review_view
from genai_airflow.views import case_view, lineage, overview_view, pages, run_page

app = FastAPI(title="Reports and plans of the generative-AI workflow", docs_url=None, redoc_url=None, openapi_url=None)
for part in (report_view, plan_view, portfolio_view, review_view, pages, overview_view, lineage, run_page, case_view):
    app.include_router(part.router)
