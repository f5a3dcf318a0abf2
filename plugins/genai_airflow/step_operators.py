"""Operators that run a step of the workflow and hand its artifact's reference on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from pydantic_core import to_jsonable_python

from genai_airflow.earlier_runs import baseline, published
from genai_airflow.lineage_events import LineageEvents, Trace
from genai_airflow.references import restore_refs
from genai_airflow.report_link import ReportLink
from genai_airflow.run_options import is_forced, load_for_run, place_of
from genai_airflow.served_speed import beside_prediction
from genai_airflow.source_connections import use_airflow_connections
from genai_airflow.store_connection import open_store
from include.artifacts.history import Place, now
from include.artifacts.outcome import record
from include.artifacts.ref import ArtifactRef, references_in
from include.artifacts.store import ArtifactStore
from include.core.errors import PermanentError
from include.core.settings import settings
from include.jobs.request import import_step

if TYPE_CHECKING:
    from include.artifacts.outcome import Outcome
    from include.use_cases import UseCase

# whoever runs or plans steps in Airflow imports this module
use_airflow_connections()


@contextmanager
def failing_at_once() -> Iterator[None]:
    """A PermanentError fails the task without a retry; any other error takes Airflow's usual way."""
    try:
        yield
    except PermanentError as error:
        raise AirflowFailException(str(error)) from error


class RunStepOperator(LineageEvents, BaseOperator):
    """Runs one step, or reuses its artifact.

    :param step: `data_preparation.anonymize`, or `package.module:attribute` for a step outside include.
    :param arguments: argument -> literal or another task's output.
    :param config: dotted path of the step's configuration in the use case; may be mapped over.
    :param also: argument -> dotted path of another value of the use case.
    :param over: name of the argument that a mapped task takes from `item`.
    :param item: the value of that argument; mapped over.
    :param labels: what the mapped instances are called, in their order; by default after what they are mapped over.
    :param where: argument -> property of the configuration without which the step is not given that argument.
    :param moment: name of the argument that is the moment whose data the run looks at.
    :param previous: name of an argument, an artifact; the step gets in `previous` what that argument was in the
        newest run of an earlier moment that passed here.
    :param earlier: task of a gate, and an argument of it, as `data_preparation.check:dataset`; the step gets in
        `earlier` all artifacts that this argument was in runs of earlier moments that passed there.

    XComs: `return_value` (the artifact's reference), `outcome` (reused, reason, metrics, seconds), and
    `shards`, `candidates`, `selected`, `survivors` and `names` where the step's metrics have them.
    """

    template_fields = ("arguments", "config", "item", "labels")
    template_fields_renderers = {"arguments": "json"}  # noqa: RUF012
    operator_extra_links = (ReportLink(),)
    ui_color = "#e6f0fb"

    def __init__(
        self,
        *,
        step: str,
        arguments: Mapping[str, Any] | None = None,
        config: str = "",
        also: Mapping[str, str] | None = None,
        over: str = "",
        item: Any = None,
        labels: Any = None,
        where: Mapping[str, str] | None = None,
        moment: str = "",
        previous: str = "",
        earlier: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step, self.arguments, self.config = step, dict(arguments or {}), config
        self.also, self.over, self.item, self.labels = dict(also or {}), over, item, labels
        self.where = dict(where or {})
        self.moment, self.previous, self.earlier = moment, previous, earlier

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step in the place of this task instance."""
        with failing_at_once():
            use_case, store, place = load_for_run(context), open_store(), place_of(context)
            context["label"] = self._label(store, place)
            arguments = self.step_arguments(use_case, store, place)
            self.trace = Trace(store.bucket.address.bucket, tuple(references_in(arguments)))
            outcome = self.perform(context, store, arguments, place)
            self.trace.outcome = outcome
            self.finished(store, place, outcome)
        self.log.info("%s (%s, %.1f s)", outcome.reason, outcome.ref, outcome.seconds)
        return publish(outcome, context)

    def perform(self, context: Context, store: ArtifactStore, arguments: dict[str, Any], place: Place) -> "Outcome":
        """Run the step, or reuse its artifact, and keep the record of it."""
        return import_step(self.step).run(
            store, arguments, place=place, config_path=self.config, force=is_forced(context)
        )

    def finished(self, store: ArtifactStore, place: Place, outcome: "Outcome") -> None:
        """What an operator of a kind of its own does with the outcome."""

    def step_arguments(self, use_case: "UseCase", store: ArtifactStore, place: Place) -> dict[str, Any]:
        """What the step is called with at a place in a run.

        The template fields hold values by now. Runs and plans ask here, so that they cannot disagree.
        """
        mapped = {self.over: self.item} if self.over else {}
        arguments = {name: restore_refs(value) for name, value in (self.arguments | mapped).items()}
        if self.config:
            arguments["config"] = use_case.at(self.config)
        for name, needed in self.where.items():
            if not getattr(arguments["config"], needed, False):
                del arguments[name]
        for name, path in self.also.items():
            # as the manifest's JSON has it, to be compared with
            arguments[name] = to_jsonable_python(use_case.at(path))
        if self.moment:
            arguments[self.moment] = place.as_of
        if self.previous:
            arguments["previous"] = baseline(store, place, self.previous, arguments[self.previous])
        if self.earlier:
            arguments["earlier"] = published(store, place, self.earlier, import_step(self.step), arguments)
        return arguments

    def _label(self, store: ArtifactStore, place: Place) -> str:
        """What tells this mapped instance from its siblings in the web UI."""
        if self.labels:
            return str(self.labels[place.map_index]).rpartition(".")[2]
        if not self.over:
            return self.config.rpartition(".")[2]
        item = restore_refs(self.item)
        if isinstance(item, ArtifactRef):
            made = store.manifest(item)
            part = f"shard {made.parts.config['shard']}" if "shard" in made.parts.config else ""
            named = made.metrics.get("technique") or made.metrics.get("name")
            return str(named or part or item.step.rpartition(".")[2])
        return f"{self.over} {item}"


class JudgeModelOperator(RunStepOperator):
    """Runs a gate, and keeps its verdict: the newest one alone may move the champion."""

    def finished(self, store: ArtifactStore, place: Place, outcome: "Outcome") -> None:
        """Make it the use case's verdict, unless one of a run that looks at a later moment stands."""
        champion = import_module("include.inferencing.champion")
        verdict = champion.Verdict(
            use_case=place.use_case,
            run_id=place.run_id,
            as_of=place.as_of,
            passed=bool(outcome.metrics["passed"]),
            report=outcome.ref,
            at=now(),
        )
        newest = champion.judge(store.bucket, place.use_case, verdict)
        self.log.info("the newest verdict" if newest else "a verdict that looks at a later moment stands")


class DeployModelOperator(LineageEvents, BaseOperator):
    """Serves a package as the use case's champion, unless it is that already.

    :param package: reference of the package.
    :param gate: reference of the gate's report that let it pass.
    :param card: reference of the model card, which goes where the package is served.
    :param charter: reference of the charter, whose prediction is reported beside what was measured.
    :param config: dotted path of the deployment's configuration in the use case.
    """

    template_fields = ("package", "gate", "card", "charter")
    operator_extra_links = (ReportLink(),)
    ui_color = "#e3f5e6"

    def __init__(
        self, *, package: Any, gate: Any, card: Any, charter: Any, config: str = "inferencing.deploy", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.package, self.gate, self.card, self.charter, self.config = package, gate, card, charter, config

    def execute(self, context: Context) -> dict[str, Any]:
        """Deploy, and hand on what `RunStepOperator` hands on."""
        with failing_at_once():
            use_case, store, package = load_for_run(context), open_store(), restore_refs(self.package)
            self.trace = Trace(store.bucket.address.bucket, (package,))
            deploy = import_module("include.inferencing.deploy").deploy
            place = place_of(context)
            rules = import_module("include.inferencing.learning.rules")
            hiding = use_case.at("data_preparation.anonymize")
            rules.publish_rules(store.bucket, place.use_case, use_case.at("inferencing.learning"), hiding)
            gate, card = restore_refs(self.gate), restore_refs(self.card)
            outcome: Outcome = deploy(store, package, place, use_case.at(self.config), gate=gate, card=card)
            outcome = beside_prediction(store, restore_refs(self.charter), outcome)
            record(store, place, outcome)
            self.trace.outcome = outcome
            if outcome.metrics.get("deployed", True):
                self.trace.served_as = f"{settings().model_repository}/{outcome.metrics['model']}"
        self.log.info("%s (%s)", outcome.reason, outcome.ref)
        return publish(outcome, context)


def chosen(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What other tasks take from a step's metrics: what to map over, and the artifact that it selected."""
    found = {"shards": list(range(int(metrics["shards"])))} if "shards" in metrics else {}
    return found | {key: metrics[key] for key in ("selected", "candidates", "survivors", "names") if key in metrics}


def publish(outcome: "Outcome", context: Context) -> dict[str, Any]:
    """Push what other tasks, the report view and the run's summary read; a gate that is not passed fails the task.

    The reference is pushed before that failure, so that the report tells why.
    """
    ti, metrics, ref = context["ti"], outcome.metrics, outcome.ref.model_dump(mode="json")
    ti.xcom_push(
        "outcome",
        {"reused": outcome.reused, "reason": outcome.reason, "metrics": metrics, "seconds": outcome.seconds},
    )
    for key, value in chosen(metrics).items():
        ti.xcom_push(key, value)
    if metrics.get("passed") is False:
        ti.xcom_push("return_value", ref)
        raise AirflowFailException(f"The gate is not passed: {metrics.get('verdict', 'see the report')}")
    return ref
