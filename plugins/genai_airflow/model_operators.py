"""Operators of steps that look at what serves, and at what people have said."""

from typing import TYPE_CHECKING, Any

from genai_airflow.earlier_runs import as_it_is
from genai_airflow.step_operators import RunStepOperator
from include.artifacts.history import Place
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.strategy.approvals import ApprovalLog

if TYPE_CHECKING:
    from include.use_cases import UseCase


class EvaluateChampionOperator(RunStepOperator):
    """Evaluates what a run's model would replace: what serves now; else the model that it is given in `arguments`."""

    def step_arguments(self, use_case: "UseCase", store: ArtifactStore, place: Place) -> dict[str, Any]:
        """As given, with the champion's model and adapter in place of the model.

        Where a verdict of a later moment stands, the run may not move the champion, and is not held to it: it would be
        judged by data from after its interval.
        """
        arguments = super().step_arguments(use_case, store, place)
        alias, _ = champion.read_alias(store.bucket, place.use_case)
        if alias.champion and alias.allows(place):
            made = as_it_is(store, alias.champion.package).inputs
            arguments |= {name: as_it_is(store, made[name]).ref for name in ("model", "adapter") if name in made}
        return arguments


class DescribeModelOperator(RunStepOperator):
    """Writes the model card, with what people have said of the charter and of the gate's report until then."""

    def step_arguments(self, use_case: "UseCase", store: ArtifactStore, place: Place) -> dict[str, Any]:
        """As given, with `approvals`: the decisions in the store's record."""
        arguments = super().step_arguments(use_case, store, place)
        said = {
            what: ApprovalLog(store.bucket, place.use_case, arguments[name]).read()
            for what, name in (("charter", "charter"), ("model", "gate"))
        }
        arguments["approvals"] = [
            {"of": what} | one.model_dump(mode="json", include={"choice", "name", "comment", "at"})
            for what, decisions in said.items()
            for one in decisions
        ]
        return arguments
