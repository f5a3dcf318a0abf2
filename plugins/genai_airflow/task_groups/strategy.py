"""Step 1 as a task group."""

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import TaskGroup, XComArg

from genai_airflow.step_operators import RunStepOperator

if TYPE_CHECKING:
    from include.use_cases import UseCase


def strategy(use_case: "UseCase") -> XComArg:
    """Goal, indicators, demand and limits become a charter; a human signs it where the use case asks for it."""
    with TaskGroup("strategy", tooltip="Declare, size and approve the use case"):
        charter = RunStepOperator(
            task_id="charter",
            step="strategy.charter",
            config="strategy",
            also={"techniques": "customization.techniques"},
            doc_md="Validates the strategy and writes the **charter**: goal, indicators, sizing, cost and decision.",
        )
        approval = use_case.strategy.approval
        if approval.required:
            approve = ApprovalOperator(
                task_id="approve",
                subject=f"Approve the charter of {use_case.title}",
                body="The charter is the report of the task `strategy.charter`. Reject: nothing further runs.",
                assigned_users=[{"id": name, "name": name} for name in approval.approvers] or None,
                fail_on_reject=True,
                retries=0,
                doc_md="Waits for a human. *Reject* fails the run: nothing further is done.",
            )
            charter >> approve
    return charter.output
