"""The generative-AI workflow of an enterprise: one Airflow DAG for each use case in include/use_cases."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, dag
from genai_airflow.description import describe
from genai_airflow.run_options import run_params
from genai_airflow.task_groups import customization, data_preparation, inferencing, strategy, training
from genai_airflow.use_case_catalog import read_use_cases

from include.use_cases import UseCase

STEPS = ["strategy", "data_preparation", "training", "customization", "inferencing"]


def genai_workflow(use_case: UseCase) -> DAG:
    """The workflow of one use case."""

    @dag(
        dag_id=use_case.name,
        dag_display_name=use_case.title,
        description=use_case.strategy.goal,
        schedule=CronDataIntervalTimetable(use_case.schedule, timezone="UTC") if use_case.schedule else None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params=run_params(use_case),
        tags=["genai", *STEPS],
        default_args={"retries": 2, "retry_delay": timedelta(seconds=5), "retry_exponential_backoff": 2},
        doc_md=describe(use_case),
    )
    def workflow() -> None:
        charter = strategy(use_case)
        dataset = data_preparation(charter)
        model = training(charter, dataset)
        adapter = customization(use_case, charter, dataset, model)
        inferencing(charter, dataset, model, adapter)

    return workflow()


for loaded in read_use_cases()[0]:
    globals()[loaded.name] = genai_workflow(loaded)
