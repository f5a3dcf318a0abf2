"""Operators that look at what serves a use case, and ask for a new model where that is due."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from genai_airflow.references import restore_refs
from genai_airflow.report_link import ReportLink
from genai_airflow.run_options import place_of
from genai_airflow.step_operators import failing_at_once
from genai_airflow.store_connection import open_store
from genai_airflow.use_case_catalog import use_case_of

if TYPE_CHECKING:
    from include.artifacts.outcome import Outcome
    from include.inferencing.operations.served import Served

OPERATIONS = "include.inferencing.operations"
# runs of an earlier moment count what was, and touch nothing that is
PRESENT = timedelta(hours=1)


def what_serves(context: Context) -> "Served | None":
    """The use case in service at the run's moment; None where nothing serves."""
    from include.inferencing.operations.served import read_served
    from include.use_cases import load_use_case

    place = place_of(context)
    use_case = load_use_case(use_case_of(place.use_case))
    moment = datetime.fromisoformat(place.as_of)
    return read_served(open_store(), use_case.name, use_case.inferencing, moment)


def skip_the_past(served: "Served") -> None:
    """Skip the task of a run whose moment is over, as of a backfill: what it would do would be done to the present."""
    if served.at < datetime.now(UTC) - PRESENT:
        raise AirflowSkipException(f"{served.at.isoformat()} is past: only what serves now is mended or trained again")


class LookOperator(BaseOperator):
    """Looks at one side of serving, and commits what it found with a page for people.

    :param acts: whether it changes what serves now: skipped for a moment that is over.
    :param look: a module of `include/inferencing/operations`: its `measure_<look>` looks, its step `<look>` writes.

    XComs: `return_value` (the report's reference) and `outcome`. A look that is not passed fails the task: no retry
    changes what was counted.
    """

    operator_extra_links = (ReportLink(),)
    ui_color = "#e8eef7"

    def __init__(self, *, look: str, acts: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.look, self.acts = look, acts

    def execute(self, context: Context) -> Any:
        """Look, and hand the report on."""
        with failing_at_once():
            served = what_serves(context)
            if served is None:
                raise AirflowSkipException("nothing serves")
            if self.acts:
                skip_the_past(served)
            outcome = self.perform(context, served)
        return _published(outcome, context) if outcome else None

    def perform(self, context: Context, served: "Served") -> "Outcome | None":
        """Measure and write; None where there is nothing to tell."""
        module = import_module(f"{OPERATIONS}.{self.look}")
        found = getattr(module, f"measure_{self.look}")(served)
        outcome: Outcome = getattr(module, self.look).run(served.store, {"found": found, "day": served.day})
        self.log.info("%s: %s", outcome.ref, outcome.metrics)
        return outcome


class WeeklyPageOperator(LookOperator):
    """Writes the page of the ISO week that has ended, once; with the param `weekly_page: now`, of the week so far."""

    def perform(self, context: Context, served: "Served") -> "Outcome | None":
        """The newest page; None before the first week has ended."""
        outcome: Outcome | None = import_module(f"{OPERATIONS}.weekly_page").make_weekly_page(
            served, now=context["params"]["weekly_page"] == "now"
        )
        self.log.info("%s", outcome.reason if outcome else "no week has ended since something serves")
        return outcome


class RetrainOperator(TriggerDagRunOperator):
    """Starts the use case's workflow where drift or feedback asks for it, within its budget and interval.

    The run's id comes from the request in the store: a retry starts the same run, and finds it there.

    :param drift: the report of the look at drift.
    """

    template_fields = ("drift",)
    operator_extra_links = (*TriggerDagRunOperator.operator_extra_links, ReportLink())

    def __init__(self, *, drift: Any, **kwargs: Any) -> None:
        # a conf of OpenLineage's would be an option that the workflow does not know
        fixed = {
            "logical_date": None,
            "run_after": None,
            "skip_when_already_exists": True,
            "openlineage_inject_parent_info": False,
        }
        super().__init__(**fixed, **kwargs)
        self.drift = drift

    def execute(self, context: Context) -> Any:
        """Decide; raises Airflow's request for a run where one is wanted."""
        with failing_at_once():
            served = what_serves(context)
            if served is None:
                raise AirflowSkipException("nothing serves")
            skip_the_past(served)
            if context["ti"].get_dag(self.trigger_dag_id).is_paused:
                self.log.info("%s is paused: nobody wants it trained", self.trigger_dag_id)
                return None
            decision, outcome = import_module(f"{OPERATIONS}.retrain").decide(served, restore_refs(self.drift))
        self.log.info("%s", decision.reason)
        ref = _published(outcome, context)
        if not decision.wanted:
            return ref
        context["ti"].xcom_push("return_value", ref)
        self.trigger_run_id, self.conf = decision.run_id, decision.conf
        return super().execute(context)


def _published(outcome: "Outcome", context: Context) -> dict[str, Any]:
    """Push what the report view and people read; fail where the look is not passed."""
    ti, ref = context["ti"], outcome.ref.model_dump(mode="json")
    ti.xcom_push(
        "outcome",
        {
            "reused": outcome.reused,
            "reason": outcome.reason,
            "metrics": outcome.metrics,
            "seconds": outcome.seconds,
        },
    )
    if outcome.metrics.get("passed") is False:
        ti.xcom_push("return_value", ref)
        raise AirflowFailException(str(outcome.metrics.get("verdict", "see the report")))
    return ref
