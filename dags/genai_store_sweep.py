"""Every night: delete what killed writers left in the artifact store and, where asked for, what nobody needs."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag
from genai_airflow.sweep_operator import SweepStoreOperator

from include.core.settings import settings


@dag(
    dag_display_name="Sweep of the artifact store",
    description="Deletes uncommitted files, and artifacts that neither a champion nor a recent run needs.",
    schedule="0 1 * * *",
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    params={
        "keep_runs": Param(
            settings().keep_runs, type="integer", minimum=0, description="Runs of each use case that stay; 0: all."
        ),
        "dry_run": Param(False, type="boolean", description="Only list what would go, in the task's log."),
    },
    tags=["genai"],
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
)
def genai_store_sweep() -> None:
    """One task: the sweep deletes, nothing else does."""
    SweepStoreOperator(task_id="sweep", doc_md="What goes is in the log; GENAI_KEEP_RUNS sets what stays.")


genai_store_sweep()
