"""Step 1 as a task group."""

from typing import TYPE_CHECKING

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.step_operators import RunStepOperator
from genai_airflow.task_groups.tasks import ask_people

if TYPE_CHECKING:
    from include.use_cases import UseCase


def strategy(use_case: "UseCase") -> XComArg:
    """Goal, indicators, demand and limits become a charter; people sign it where the use case asks for it."""
    with TaskGroup("strategy", tooltip="Declare, size and approve the use case"):
        charter = RunStepOperator(
            task_id="charter",
            step="strategy.charter",
            config="strategy",
            also={
                "techniques": "customization.techniques",
                # whoever approves the charter approves them: a change asks again
                "anonymize": "data_preparation.anonymize",
                "check": "data_preparation.check",
                "records": "data_preparation.aggregate.records",
                "collections": "data_preparation.aggregate.collections",
            },
            doc_md="Validates the strategy and writes the **charter**: goal, indicators, sizing, cost and decision.",
        )
        ask_people(use_case.strategy.approval, charter, what="charter", title=use_case.title)
    return charter.output
