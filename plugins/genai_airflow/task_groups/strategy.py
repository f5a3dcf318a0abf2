"""Step 1 as a task group."""

from typing import TYPE_CHECKING

from airflow.sdk import TaskGroup, XComArg

from genai_airflow.approval_operator import ApproveCharterOperator
from genai_airflow.step_operators import RunStepOperator

if TYPE_CHECKING:
    from include.use_cases import UseCase

APPROVALS = {1: "approve", 2: "approve_second"}


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
        approval, before = use_case.strategy.approval, charter
        for needed in range(1, approval.people + 1 if approval.required else 1):
            approve = ApproveCharterOperator(
                task_id=APPROVALS[needed],
                charter=charter.output,
                title=use_case.title,
                needed=needed,
                approvers=approval.approvers,
                timeout_hours=approval.timeout_hours,
                doc_md="Waits for a person, unless this very charter is approved. *Reject* fails the run.",
            )
            before >> approve
            before = approve
    return charter.output
