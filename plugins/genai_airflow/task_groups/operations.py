"""Looks at what serves, as tasks."""

from typing import Any

from airflow.sdk import task

from genai_airflow.look_operators import LookOperator, RetrainOperator, WeeklyPageOperator, what_serves

LOOKS = {
    "capacity": "What is used, what is left, and when it will be full.",
    "error_budget": "Holds what was answered against the objectives. Fails where a person should look now, or where "
    "the budget is burnt: that stops rollouts.",
    "cost": "What serving and training have cost, beside the charter's budget.",
}


def operations(workflow: str) -> None:
    """Everything that is looked at every few minutes; `workflow` is the DAG that trains anew."""

    @task.short_circuit(doc_md="Whether anything serves: where nothing does, the rest is skipped.")
    def serves(**context: Any) -> bool:
        return what_serves(context) is not None  # type: ignore[arg-type]

    probe = LookOperator(
        task_id="probe",
        look="probe",
        acts=True,
        doc_md="Asks every named model on every live server a question, and loads again what does not answer. Fails "
        "where that did not help.",
    )
    looks = [LookOperator(task_id=name, look=name, doc_md=doc_md) for name, doc_md in LOOKS.items()]
    drift = LookOperator(
        task_id="drift",
        look="drift",
        doc_md="Compares questions and answers in use with the training data, beyond chance and in size.",
    )
    retrain = RetrainOperator(
        task_id="retrain",
        trigger_dag_id=workflow,
        drift=drift.output,
        doc_md="Starts the workflow where drift or feedback asks for it, within budget and interval.",
    )
    page = WeeklyPageOperator(
        task_id="weekly_page",
        look="weekly_page",
        doc_md="The page of the ISO week that has ended, made once; shows the newest one.",
    )
    serves() >> [probe, *looks, drift, page]
    drift >> retrain
