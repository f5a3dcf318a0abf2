"""The operator that waits for people's approval of an artifact, and records the answers in the store."""

from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskAwaitingInput

from genai_airflow.references import restore_refs
from genai_airflow.report_link import ReportLink, below_base, report_path
from genai_airflow.step_operators import failing_at_once
from genai_airflow.store_connection import open_store
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.strategy.approvals import ApprovalLog, Decision, standing


class ApproveOperator(ApprovalOperator):
    """Waits until so many different people have approved an artifact; an approved one is not asked about again.

    A rejection, no answer in time, and an answer of somebody whose approval does not count fail the task at once.
    It passes only by what the store's record says. A task that dies between a person's answer and the record asks
    again.

    :param artifact: reference of what is approved.
    :param what: what it is, in a word: a charter, a model.
    :param page: the task whose report shows it.
    :param title: the use case, for the person who is asked.
    :param needed: approvals of different people with which this task passes.
    :param approvers: ids of the users whose approval counts; empty: of whoever may answer.
    :param timeout_hours: how long a person is waited for.

    XComs: `return_value` (the artifact's reference) and `approvals` (who approved, in sentences).
    """

    template_fields = ("artifact",)
    operator_extra_links = (ReportLink(),)
    ui_color = "#fdf3d8"

    def __init__(
        self,
        *,
        artifact: Any,
        what: str,
        page: str,
        title: str,
        needed: int = 1,
        approvers: Sequence[str] = (),
        timeout_hours: float = 72.0,
        **kwargs: Any,
    ) -> None:
        # the web form sends null for what is left empty
        kinds = ["null", "string"]
        comment = Param(None, "Kept with your answer.", source="task", type=kinds, title="Comment", maxLength=1000)
        # a default answer is what Airflow takes where nobody answers: given here, no argument can set one
        super().__init__(
            subject=f"Approve the {what} of {title}",
            defaults=None,
            response_timeout=timedelta(hours=timeout_hours),
            **kwargs | {"params": {"comment": comment}},
        )
        self.artifact, self.what, self.page = artifact, what, page
        self.title, self.needed = title, needed
        self.approvers, self.timeout_hours = list(approvers), timeout_hours

    def execute(self, context: Context) -> dict[str, Any]:
        """Pass at once where the record says so; else ask a person."""
        with failing_at_once():
            artifact = self._artifact()
            decisions = ApprovalLog(open_store().bucket, context["ti"].dag_id, artifact).read()
            if self.is_approved(decisions):
                return self._passed(context, artifact, decisions)
            if len(standing(decisions, self.approvers)) < self.needed - 1:
                raise AirflowFailException("The approvals before this one do not stand: clear their tasks too")
            self._ask(context, decisions)
        # the artifact's page is this task's too, while it waits and where it fails
        context["ti"].xcom_push("return_value", artifact.model_dump(mode="json"))
        try:
            return super().execute(context)  # type: ignore[no-any-return]
        except TaskAwaitingInput as parked:
            # an answer counts for this artifact alone
            parked.kwargs = {"asked": artifact.model_dump(mode="json")}
            raise

    def execute_complete(self, context: Context, event: dict[str, Any], asked: Any = None) -> dict[str, Any]:
        """Record the person's answer, then pass or fail by the record."""
        if event.get("error_type") == "timeout":
            return self._after_the_time(context)
        # not ApprovalOperator's, which would fail a rejection before it is recorded
        answer = super(ApprovalOperator, self).execute_complete(context, event)
        person = answer["responded_by_user"]
        if not person or event.get("timedout"):
            raise AirflowFailException(f"No person answered: the {self.what} is not approved")
        artifact = self._artifact()
        if artifact.model_dump(mode="json") != asked:
            raise AirflowException(
                f"The {self.what} has changed since the question: the answer is not counted, asking again"
            )
        with failing_at_once():
            decision = self._decision(context, artifact, answer, person)
            decisions = ApprovalLog(open_store().bucket, decision.use_case, artifact).add(decision)
        self.log.info("recorded: %s", decision)
        if decision.choice == "rejected":
            raise AirflowFailException(f"The {self.what} was {decision}")
        if not self.is_approved(decisions):
            raise AirflowFailException(f"{self._why_not(decision, decisions)}. Clear this task to ask again")
        return self._passed(context, artifact, decisions)

    def approved_by(self, store: ArtifactStore, use_case: str, artifact: ArtifactRef) -> str:
        """Who approved an artifact and when; empty where this task would ask."""
        decisions = ApprovalLog(store.bucket, use_case, artifact).read()
        return "; ".join(map(str, standing(decisions, self.approvers))) if self.is_approved(decisions) else ""

    def is_approved(self, decisions: list[Decision]) -> bool:
        """Whether enough different people have approved."""
        return len(standing(decisions, self.approvers)) >= self.needed

    def _artifact(self) -> ArtifactRef:
        return ArtifactRef.model_validate(restore_refs(self.artifact))

    def _ask(self, context: Context, decisions: list[Decision]) -> None:
        """Put the question; another try shows the text of the first one, so that it holds for whatever artifact."""
        ti = context["ti"]
        page = below_base(report_path(ti.dag_id, ti.run_id, self.page))
        others = "Another person than those who have approved has to answer.\n\n" if self.needed > 1 else ""
        self.body = (
            f"What you approve is [the {self.what}]({page}): its page shows what it takes, and what others said of it."
            f"\n\n{others}*Reject*, or no answer within {self.timeout_hours:g} hours: nothing further runs."
        )
        approved = [one.user for one in standing(decisions, self.approvers)]
        left = [name for name in self.approvers if name not in approved]
        self.assigned_users = [{"id": name, "name": name} for name in left] or None

    def _after_the_time(self, context: Context) -> dict[str, Any]:
        """No answer in time fails the task for good, unless it was approved in another run meanwhile."""
        with failing_at_once():
            artifact = self._artifact()
            decisions = ApprovalLog(open_store().bucket, context["ti"].dag_id, artifact).read()
        if not self.is_approved(decisions):
            raise AirflowFailException(
                f"Nobody answered within {self.timeout_hours:g} h: the {self.what} is not approved"
            )
        return self._passed(context, artifact, decisions)

    def _decision(self, context: Context, artifact: ArtifactRef, answer: Any, person: Any) -> Decision:
        return Decision(
            use_case=context["ti"].dag_id,
            charter=artifact,
            choice="approved" if answer["chosen_options"] == [self.APPROVE] else "rejected",
            user=str(person["id"]),
            name=str(person["name"]),
            comment=str(answer["params_input"].get("comment") or ""),
            at=answer["responded_at"].astimezone(UTC).isoformat(),
            run_id=context["ti"].run_id,
            task=context["ti"].task_id,
        )

    def _why_not(self, decision: Decision, decisions: list[Decision]) -> str:
        if self.approvers and decision.user not in self.approvers:
            return f"{decision.name} is none of the approvers: {', '.join(self.approvers)}"
        if not any(decision.is_same_answer(one) for one in standing(decisions, self.approvers)):
            return f"{decision.name} has approved before: another person has to"
        return f"Since the last rejection, fewer than {self.needed} people have approved"

    def _passed(self, context: Context, artifact: ArtifactRef, decisions: list[Decision]) -> dict[str, Any]:
        said = [str(one) for one in standing(decisions, self.approvers)]
        self.log.info("%s %s: %s", self.what, artifact.digest[:12], "; ".join(said))
        context["ti"].xcom_push("approvals", said)
        return artifact.model_dump(mode="json")
