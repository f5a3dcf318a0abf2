"""Every few minutes: copy runs, curves and champions to MLflow; only where GENAI_MLFLOW_URL names a server."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag
from genai_airflow.tracking_operator import CopyToTrackingOperator

from include.core.settings import settings


@dag(
    dag_display_name="Copies to MLflow",
    description="Runs, parameters, curves and champions, from the artifact store.",
    schedule="*/5 * * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    # a second copy beside it would write what the first one is about to
    max_active_runs=1,
    is_paused_upon_creation=False,
    dagrun_timeout=timedelta(minutes=10),
    tags=["genai"],
    default_args={"execution_timeout": timedelta(minutes=5)},
)
def genai_tracking() -> None:
    """One task, of no workflow's run: MLflow delays and fails none."""
    CopyToTrackingOperator(task_id="copy", seconds=120, doc_md="What MLflow missed while it was away is copied, too.")


if settings().mlflow_url:
    genai_tracking()
