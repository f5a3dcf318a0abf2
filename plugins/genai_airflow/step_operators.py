"""Operators that run a step of the workflow and hand its artifact's reference on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from genai_airflow.lineage_events import LineageEvents, Trace, refs_in
from genai_airflow.references import restore_refs
from genai_airflow.report_link import ReportLink
from genai_airflow.run_options import is_forced, load_for_run, place_of
from genai_airflow.store_connection import open_store
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import record
from include.artifacts.store import ArtifactStore
from include.core.errors import PermanentError
from include.core.settings import settings

if TYPE_CHECKING:
    from include.artifacts.step import Outcome, Step


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
    :param over: name of the argument that a mapped task takes from `item`.
    :param item: the value of that argument; mapped over.

    XComs: `return_value` (the artifact's reference), `outcome` (reused, reason, metrics, seconds), and
    `shards` and `selected` where the step's metrics have them.
    """

    template_fields = ("arguments", "config", "item")
    template_fields_renderers = {"arguments": "json"}  # noqa: RUF012
    operator_extra_links = (ReportLink(),)
    ui_color = "#e6f0fb"

    def __init__(
        self,
        *,
        step: str,
        arguments: Mapping[str, Any] | None = None,
        config: str = "",
        over: str = "",
        item: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.step, self.arguments, self.config = step, dict(arguments or {}), config
        self.over, self.item = over, item

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the step in the place of this task instance."""
        with failing_at_once():
            use_case, store = load_for_run(context), open_store()
            context["label"] = self._label(store)
            arguments = self._arguments()
            self.trace = Trace(store.bucket.address.bucket, tuple(refs_in(arguments)))
            outcome = import_step(self.step).run(
                store,
                arguments | ({"config": use_case.at(self.config)} if self.config else {}),
                place=place_of(context),
                config_path=self.config,
                force=is_forced(context),
            )
            self.trace.outcome = outcome
        self.log.info("%s (%s, %.1f s)", outcome.reason, outcome.ref, outcome.seconds)
        return publish(outcome, context)

    def _arguments(self) -> dict[str, Any]:
        mapped = {self.over: self.item} if self.over else {}
        return {name: restore_refs(value) for name, value in (self.arguments | mapped).items()}

    def _label(self, store: ArtifactStore) -> str:
        """What tells this mapped instance from its siblings in the web UI."""
        if not self.over:
            return self.config.rpartition(".")[2]
        item = restore_refs(self.item)
        if isinstance(item, ArtifactRef):
            return str(store.manifest(item).metrics.get("technique") or item.step.rpartition(".")[2])
        return f"{self.over} {item}"


class DeployModelOperator(LineageEvents, BaseOperator):
    """Serves a package as the use case's champion, unless it is that already.

    :param package: reference of the package.
    :param config: dotted path of the deployment's configuration in the use case.
    """

    template_fields = ("package",)
    operator_extra_links = (ReportLink(),)
    ui_color = "#e3f5e6"

    def __init__(self, *, package: Any, config: str = "inferencing.deploy", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.package, self.config = package, config

    def execute(self, context: Context) -> dict[str, Any]:
        """Deploy, and hand on what `RunStepOperator` hands on."""
        with failing_at_once():
            use_case, store, package = load_for_run(context), open_store(), restore_refs(self.package)
            self.trace = Trace(store.bucket.address.bucket, (package,))
            deploy = import_module("include.inferencing.deploy").deploy
            outcome: Outcome = deploy(store, package, use_case.name, use_case.at(self.config))
            record(store, place_of(context), outcome)
            self.trace.outcome = outcome
            self.trace.served_as = f"{settings().model_repository}/{outcome.metrics['model']}"
        self.log.info("%s (%s)", outcome.reason, outcome.ref)
        return publish(outcome, context)


def import_step(path: str) -> "Step[...]":
    """The step that `data_preparation.anonymize` or `package.module:attribute` names."""
    module, _, attribute = path.partition(":")
    if not attribute:
        module, attribute = f"include.{path}", path.rpartition(".")[2]
    step: Step[...] = getattr(import_module(module), attribute)
    return step


def publish(outcome: "Outcome", context: Context) -> dict[str, Any]:
    """Push what other tasks, the report view and the run's summary read; a gate that is not passed fails the task.

    The reference is pushed before that failure, so that the report tells why.
    """
    ti, metrics, ref = context["ti"], outcome.metrics, outcome.ref.model_dump(mode="json")
    ti.xcom_push(
        "outcome",
        {"reused": outcome.reused, "reason": outcome.reason, "metrics": metrics, "seconds": outcome.seconds},
    )
    if "shards" in metrics:
        ti.xcom_push("shards", list(range(int(metrics["shards"]))))
    if "selected" in metrics:
        ti.xcom_push("selected", metrics["selected"])
    if metrics.get("passed") is False:
        ti.xcom_push("return_value", ref)
        raise AirflowFailException(f"The gate is not passed: {metrics.get('verdict', 'see the report')}")
    return ref
