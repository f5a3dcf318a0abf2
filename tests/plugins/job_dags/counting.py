"""One task that runs a step as a job; the environment says what the step does."""

import os
from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG
from genai_airflow.job_operator import RunJobOperator

with DAG("counting", schedule=None, start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False):
    RunJobOperator(
        task_id="count",
        step="tests.jobs.steps:count",
        arguments={"folder": os.environ["COUNT_FOLDER"], "then": os.environ["COUNT_THEN"]},
        retries=2,
        retry_delay=timedelta(0),
    )
