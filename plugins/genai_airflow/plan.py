"""What a run would do, and why: the DAG walked with the store's answers in place of its tasks."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from inspect import Parameter, signature
from itertools import product
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.definitions.mappedoperator import MappedOperator
from airflow.sdk.definitions.xcom_arg import PlainXComArg, XComArg

from genai_airflow import fan_out
from genai_airflow.approval_operator import ApproveOperator
from genai_airflow.planned import UNCOUNTED, Plan, PlannedInstance, PlannedTask, State
from genai_airflow.planned_run import PlannedRun, planned_run
from genai_airflow.references import restore_refs
from genai_airflow.run_options import is_forced, load_for_run
from genai_airflow.step_operators import DeployModelOperator, RunStepOperator, chosen, import_step
from genai_airflow.task_groups import ACCELERATOR_POOL
from include.artifacts.history import History
from include.artifacts.ref import artifact_prefix
from include.artifacts.step import Decision
from include.artifacts.store import ArtifactStore
from include.core.errors import PermanentError
from include.strategy.accelerators import training_device

Task = BaseOperator | MappedOperator
READERS = 8
MOST_TASKS = 2
STOPPED = ("fails", "not reached")


@dataclass(frozen=True)
class Unknown:
    """A value that only the run will know, and the tasks that will make it."""

    tasks: tuple[str, ...]


def plan(
    dag: DAG, store: ArtifactStore, *, overrides: dict[str, Any] | None = None, as_of: str = "", force: bool = False
) -> Plan:
    """What a run of `dag` would do if it were triggered now with these options.

    `as_of` is the moment whose data it would look at; empty: now. ConfigurationError where an option is wrong,
    a TransientError where the store does not answer.
    """
    return _Walk(planned_run(dag, overrides or {}, as_of, force=force), store).plan()


class _Walk:
    def __init__(self, run: PlannedRun, store: ArtifactStore) -> None:
        self.run, self.store = run, store
        self.use_case, self.forced = load_for_run(run.context()), is_forced(run.context())
        self.as_of = run.place("").as_of
        self.records = History(store.bucket).newest(run.dag.dag_id, self.as_of)
        self.outputs: dict[str, Any] = {}
        self.planned: dict[str, PlannedTask] = {}
        self.stopped: set[str] = set()
        self.making: set[str] = set()

    def plan(self) -> Plan:
        """Every task in the order of its dependencies, then in the order of the workflow's groups."""
        for task in self.run.dag.topological_sort():
            self._visit(task)
        groups = list(self.run.dag.task_group.children)
        ordered = sorted(self.planned.values(), key=lambda task: groups.index(task.task.partition(".")[0]))
        return Plan(
            use_case=self.run.dag.dag_id,
            as_of=self.as_of,
            forced=self.forced,
            currency=self.use_case.strategy.limits.currency,
            device_hour_price=training_device(self.use_case.strategy).hour_price,
            tasks=tuple(ordered),
        )

    def _visit(self, task: Any) -> None:
        ends = sorted(task.upstream_task_ids & self.stopped)
        if ends and task.trigger_rule == "all_success":
            self.stopped.add(task.task_id)
            if not _lists(task):
                culprit = self.planned.get(ends[0])
                cause = f"{ends[0]} {culprit.state if culprit else 'not reached'}".replace(" not ", " is not ")
                self._tell(task, [self._instance(task, -1, "not reached", cause)])
        elif _lists(task):
            self._list(task)
        elif isinstance(task, MappedOperator) and issubclass(task.operator_class, RunStepOperator):
            self._mapped(task)
        elif isinstance(task, RunStepOperator):
            told, self.outputs[task.task_id] = self._decide(task.prepare_for_execution(), -1)
            self._tell(task, [told])
        elif isinstance(task, DeployModelOperator):
            self._tell(task, [self._deploy(task)])
        elif isinstance(task, ApproveOperator):
            self._tell(task, [self._approval(task)])
        else:
            self._tell(task, [self._instance(task, -1, "runs", "it is no step: it runs each time")])

    def _tell(self, task: Any, instances: Iterable[PlannedInstance], *, counted: bool = True) -> None:
        devices = self.use_case.strategy.training.devices if task.pool == ACCELERATOR_POOL else 1
        told = PlannedTask(task=task.task_id, instances=tuple(instances), devices=devices, counted=counted)
        self.planned[task.task_id] = told
        if told.state in STOPPED:
            self.stopped.add(task.task_id)
        if told.state in ("runs", "may run") and (step := _step_of(task)):
            self.making.add(import_step(step).name)

    def _list(self, task: Any) -> None:
        """Tasks that list what others are mapped over are so small that the plan runs them."""
        arguments = self._resolve([task.op_args, task.op_kwargs])
        missing = _unknown(arguments)
        if missing:
            self.outputs[task.task_id] = Unknown(missing)
            return
        parameters = signature(task.python_callable).parameters.values()
        takes_context = any(one.kind is Parameter.VAR_KEYWORD for one in parameters)
        named = arguments[1] | (dict(self.run.context(task.task_id)) if takes_context else {})
        self.outputs[task.task_id] = {"return_value": task.python_callable(*arguments[0], **named)}

    def _mapped(self, task: MappedOperator) -> None:
        given = self._resolve(task.expand_input.value)
        if _unknown(given, whole=True):
            indexes = self._indexes(task.task_id)
            told = [self._uncertain(task, index, _unknown(given)) for index in indexes or [UNCOUNTED]]
            self._tell(task, told, counted=False)
            self.outputs[task.task_id] = Unknown((task.task_id,))
            return
        if isinstance(given, dict):
            given = [dict(zip(given, values, strict=True)) for values in product(*given.values())]
        operators = [task.unmap(one).prepare_for_execution() for one in given]
        with ThreadPoolExecutor(READERS) as pool:
            decided = list(pool.map(self._decide, operators, range(len(operators))))
        self.outputs[task.task_id] = [output for _, output in decided]
        self._tell(task, [told for told, _ in decided])

    def _decide(self, operator: Any, index: int) -> tuple[PlannedInstance, Any]:
        """A step's instance as the run would decide it, and what it hands on."""
        later = Unknown((operator.task_id,))
        fields = {name: self._resolve(getattr(operator, name)) for name in operator.template_fields}
        missing = _unknown(fields)
        if missing or self.forced:
            return self._uncertain(operator, index, missing), later
        for name, value in fields.items():
            setattr(operator, name, value)
        try:
            decision = self._ask(operator, index)
        except PermanentError as error:
            return self._instance(operator, index, "fails", str(error)), later
        reason = decision.reason.partition(": ")[2]
        if decision.found is None:
            return self._instance(operator, index, "runs", reason), later
        metrics = decision.found.metrics
        if metrics.get("passed") is False:
            verdict = metrics.get("verdict", "see the report")
            return self._instance(operator, index, "fails", f"the gate is not passed: {verdict}"), later
        handed_on = {"return_value": decision.found.ref.model_dump(mode="json")} | chosen(metrics)
        return self._instance(operator, index, "reused", reason), handed_on

    def _ask(self, operator: RunStepOperator, index: int) -> Decision:
        place = self.run.place(operator.task_id, index)
        arguments = operator.step_arguments(self.use_case, self.store, place)
        return import_step(operator.step).decide(self.store, arguments, place=place, config_path=operator.config)

    def _uncertain(self, task: Any, index: int, missing: tuple[str, ...]) -> PlannedInstance:
        """An instance whose inputs another task makes first: the same bytes as before, and it is reused after all."""
        if self.forced:
            return self._instance(task, index, "runs", "forced")
        name = import_step(_step_of(task)).name
        if name not in self.making and not self.store.bucket.holds(artifact_prefix(name, "")):
            return self._instance(task, index, "runs", "first run")
        return self._instance(task, index, "may run", self._dependence(missing))

    def _dependence(self, tasks: tuple[str, ...]) -> str:
        certain = all(self.planned[task].state == "runs" for task in tasks)
        more = f" and {len(tasks) - MOST_TASKS} more" if len(tasks) > MOST_TASKS else ""
        which = ("runs" if len(tasks) == 1 else "run") if certain else "may run"
        return f"depends on {', '.join(tasks[:MOST_TASKS])}{more}, which {which}"

    def _deploy(self, task: DeployModelOperator) -> PlannedInstance:
        from include.inferencing import champion

        package = restore_refs(self._resolve(task.package))
        if isinstance(package, Unknown):
            return self._instance(task, -1, "may run", self._dependence(package.tasks))
        try:
            alias, _ = champion.read_alias(self.store.bucket, self.run.dag.dag_id)
        except PermanentError as error:
            return self._instance(task, -1, "fails", str(error))
        name, current = champion.model_name(self.run.dag.dag_id, package), alias.champion
        if alias.verdict and not alias.allows(self.run.place(task.task_id)):
            newest = f"the verdict of run {alias.verdict.run_id} is newer"
            return self._instance(task, -1, "checks", f"{newest}: the champion stays")
        if current and current.model_name == name:
            return self._instance(task, -1, "checks", f"{name} is champion: whether it answers")
        if alias.is_withdrawn(name):
            return self._instance(task, -1, "checks", f"a person took {name} out of service: the champion stays")
        return self._instance(task, -1, "runs", f"champion {current.model_name if current else 'none'} -> {name}")

    def _approval(self, task: ApproveOperator) -> PlannedInstance:
        artifact = restore_refs(self._resolve(task.artifact))
        if isinstance(artifact, Unknown):
            told = f"a person approves or rejects it, unless this {task.what} is approved"
            return self._instance(task, -1, "asks", told)
        try:
            said = task.approved_by(self.store, self.run.dag.dag_id, artifact)
        except PermanentError as error:
            return self._instance(task, -1, "fails", str(error))
        if said:
            return self._instance(task, -1, "reused", f"the {task.what} was {said}")
        return self._instance(task, -1, "asks", "a person approves or rejects it")

    def _instance(self, task: Any, index: int, state: State, reason: str) -> PlannedInstance:
        record = self.records.get((task.task_id, index))
        known = [one.seconds for (name, _), one in self.records.items() if name == task.task_id]
        usual = sum(known) / len(known) if known else None
        return PlannedInstance(index=index, state=state, reason=reason, seconds=record.seconds if record else usual)

    def _indexes(self, task: str) -> list[int]:
        """The indexes that a mapped task had in the run before."""
        found = {index: record for (name, index), record in self.records.items() if name == task}
        last = max(found.values(), key=lambda record: record.at).place.run_id if found else ""
        return sorted(index for index, record in found.items() if record.place.run_id == last)

    def _resolve(self, value: Any) -> Any:
        """A value with the outputs of tasks in place of the references to them."""
        if isinstance(value, PlainXComArg):
            given = self.outputs.get(value.operator.task_id, Unknown((value.operator.task_id,)))
            if isinstance(given, list):
                return [one if isinstance(one, Unknown) else one.get(value.key) for one in given]
            return given if isinstance(given, Unknown) else given.get(value.key)
        if isinstance(value, XComArg):
            return Unknown(tuple(operator.task_id for operator, _ in value.iter_references()))
        if isinstance(value, dict):
            return {key: self._resolve(one) for key, one in value.items()}
        return [self._resolve(one) for one in value] if isinstance(value, list | tuple) else value


def _lists(task: Any) -> bool:
    return isinstance(task, PythonOperator) and task.python_callable.__module__ == fan_out.__name__


def _step_of(task: Any) -> str:
    if isinstance(task, MappedOperator):
        return str(task.partial_kwargs.get("step", ""))
    return str(getattr(task, "step", ""))


def _unknown(value: Any, *, whole: bool = False) -> tuple[str, ...]:
    """The tasks whose outputs a value lacks; `whole`: only where it cannot be told how many values there are."""
    if isinstance(value, Unknown):
        return value.tasks
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) and not whole else ()
    return tuple(dict.fromkeys(task for one in inner for task in _unknown(one, whole=whole)))
