"""What serves, looked at every few minutes: one Airflow DAG for each use case in include/use_cases."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, Param, dag
from genai_airflow.task_groups.operations import operations
from genai_airflow.use_case_catalog import OPERATIONS_SUFFIX, read_use_cases

from include.use_cases import UseCase

PAGES = "ended: of the week that has ended, made once; now: of this week so far."


def genai_operations(use_case: UseCase) -> DAG:
    """The operations of one use case."""

    @dag(
        dag_id=f"{use_case.name}{OPERATIONS_SUFFIX}",
        dag_display_name=f"{use_case.title}: operations",
        description="Probes, capacity, error budget, cost, drift, retraining and the weekly page.",
        schedule=use_case.inferencing.operations.schedule,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        # the machine may be the one that serves
        max_active_tasks=1,
        # a run ends with its first task until something serves, whoever deployed it
        is_paused_upon_creation=False,
        dagrun_timeout=timedelta(hours=1),
        params={"weekly_page": Param("ended", type="string", enum=["ended", "now"], description=PAGES)},
        tags=["genai", "operations"],
        default_args={"retries": 1, "retry_delay": timedelta(seconds=30), "execution_timeout": timedelta(minutes=20)},
        doc_md="Every look leaves a page: *Report* of its task. Knobs: `inferencing.operations` of the use case.",
    )
    def looks() -> None:
        operations(workflow=use_case.name)

    return looks()


for loaded in read_use_cases()[0]:
    globals()[f"{loaded.name}{OPERATIONS_SUFFIX}"] = genai_operations(loaded)
