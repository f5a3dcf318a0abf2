"""A workflow in miniature: the names, XComs and mapping that `genai run` reads."""

import time
from datetime import UTC, datetime

from airflow.sdk import dag, task, task_group

REF = {"kind": "report", "fingerprint": "ab" * 32, "digest": "cd" * 32}


def push(ti, step: str, **metrics: object) -> dict[str, object]:
    outcome = {"reused": False, "reason": "ran: first run", "metrics": metrics, "seconds": 0.1}
    ti.xcom_push(key="outcome", value=outcome)
    return REF | {"step": step}


@dag(schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC), catchup=False)
def sample_workflow():
    @task
    def charter(ti=None):
        return push(ti, "strategy.charter", objectives=3)

    @task(retries=0)
    def clean(shard: int, ti=None, dag_run=None):
        time.sleep(float(dag_run.conf.get("overrides", {}).get("seconds", 0)))
        return push(ti, "data_preparation.clean", shard=shard)

    @task(retries=0)
    def gate(ti=None, dag_run=None):
        if dag_run.conf.get("overrides", {}).get("fail"):
            raise ValueError("answer_nll = 9: it is not better")
        indicator = {"name": "answer_nll", "target": 2.5, "base": 3.0, "customized": 2.1, "low": -1.2, "high": -0.6}
        return push(ti, "customization.gate", passed=True, indicators=[indicator | {"met": True}])

    @task_group
    def strategy():
        return charter()

    @task_group
    def data_preparation():
        return clean.expand(shard=[0, 1, 2])

    @task_group
    def customization():
        return gate()

    strategy() >> data_preparation() >> customization()


sample_workflow()
