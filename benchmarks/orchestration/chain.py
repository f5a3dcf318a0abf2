"""The DAG that is measured: ten tasks in a row that do nothing."""

from datetime import UTC, datetime

from airflow.sdk import dag, task
from airflow.sdk.bases.operator import chain

TASKS = 10


@dag(schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False)
def no_operation_chain() -> None:
    """Each task starts when the one before it has ended."""

    @task
    def nothing() -> None:
        """No work: what it takes is Airflow's."""

    chain(*[nothing.override(task_id=f"task_{index}")() for index in range(TASKS)])


no_operation_chain()
