"""The operator that copies runs and champions to MLflow."""

from importlib import import_module
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperator, Context
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowSkipException

from genai_airflow.step_operators import failing_at_once
from genai_airflow.store_connection import open_store
from include.core.errors import ServerUnavailableError
from include.core.settings import settings


class CopyToTrackingOperator(BaseOperator):
    """Copies to the MLflow server of the settings what it does not have of the store's runs and champions.

    A server that does not answer skips the task: the next one copies what it missed. One that refuses the credentials
    fails it. XCom `return_value`: runs and versions that were written, and whether that was all.
    """

    ui_color = "#e3f0fb"

    def __init__(self, *, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seconds = seconds

    def execute(self, context: Context) -> dict[str, Any]:
        """Copy, for `seconds` at most."""
        server = import_module("include.tracking.server").TrackingServer.of(settings())
        try:
            with failing_at_once(), server:
                copied = import_module("include.tracking.copy_runs").copy_runs(
                    open_store(), server, run_page, self.seconds, self.log.info
                )
        except ServerUnavailableError as error:
            raise AirflowSkipException(str(error)) from error
        return {"runs": copied.runs, "versions": copied.versions, "complete": copied.complete}


def run_page(use_case: str, run: str) -> str:
    """Address of a run's page in Airflow; empty where Airflow does not know its own address."""
    base = conf.get("api", "base_url", fallback="").rstrip("/")
    return f"{base}/dags/{quote(use_case)}/runs/{quote(run)}" if base else ""
