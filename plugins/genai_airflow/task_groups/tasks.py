"""Kinds of tasks that several groups have."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg

from genai_airflow.approval_operator import ApproveOperator
from genai_airflow.fan_out import list_shards
from genai_airflow.step_operators import RunStepOperator
from include.core.settings import settings
from include.jobs.slots import training_slots

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.core.approval import Approval

ACCELERATOR_POOL = "accelerator"
PUBLISHES = "data_preparation.check"
BY_ITEM = "{{ label }}"
APPROVALS = {1: "approve", 2: "approve_second"}


def on_devices(slots: int | None = None) -> dict[str, Any]:
    """Where a task runs that computes on accelerators: their pool, and the queue of the workers that have them.

    `slots` of the pool; by default all devices of a training job.
    """
    queue = settings().training_queue
    taken = training_slots() if slots is None else slots
    return {"pool": ACCELERATOR_POOL, "pool_slots": taken} | ({"queue": queue} if queue else {})


def prepare(name: str, doc_md: str, earlier: str = "", **arguments: XComArg) -> XComArg:
    """One step of data preparation, with the configuration of the same name.

    `earlier` names an argument of the step that publishes datasets: the step gets what it was for the earlier ones.
    """
    path = f"data_preparation.{name}"
    return RunStepOperator(
        task_id=name, step=path, config=path, arguments=arguments, earlier=_published(earlier), doc_md=doc_md
    ).output


def prepare_each(
    name: str, doc_md: str, over: str, items: XComArg, config: str = "", earlier: str = "", **arguments: XComArg
) -> XComArg:
    """A step of data preparation, one task for each of `items`; `over` names the argument that takes it.

    `config` names the configuration where it is not called as the step; `earlier` as in `prepare`.
    """
    path = f"data_preparation.{name}"
    mapped = RunStepOperator.partial(
        task_id=name,
        step=path,
        config=f"data_preparation.{config or name}",
        arguments=arguments,
        over=over,
        earlier=_published(earlier),
        map_index_template=BY_ITEM,
        doc_md=doc_md,
    )
    return mapped.expand(item=items).output


def _published(argument: str) -> str:
    return f"{PUBLISHES}:{argument}" if argument else ""


def shards_of(made: str, artifact: XComArg) -> XComArg:
    """The shards of an artifact, to map over; `made` names the task by what was done to it: aggregated, labeled."""
    return list_shards.override(task_id=f"{made}_shards")(artifact["shards"])


def evaluate_each(
    over: str,
    items: XComArg | list[XComArg],
    config: str = "evaluation",
    labels: XComArg | None = None,
    **arguments: XComArg | str,
) -> XComArg:
    """The evaluation of several models or adapters, one task each; `over` names the step's argument.

    `labels` are what the items are called, in their order; `config` is where the use case says how it is done.
    """
    return (
        RunStepOperator.partial(
            task_id="evaluate",
            step="evaluation.evaluate",
            config=config,
            arguments=arguments,
            over=over,
            labels=labels,
            map_index_template=BY_ITEM,
            doc_md=f"Answers questions and measures the answers; one task for each {over}.",
        )
        .expand(item=items)
        .output
    )


def ask_people(rule: "Approval", made: "BaseOperator", what: str, title: str) -> "BaseOperator":
    """The tasks that wait for people's approval of what a task has made, one a person; the last of them, or that task.

    `what` it is, in a word; `title` is the use case's.
    """
    before = made
    for needed in range(1, rule.people + 1 if rule.required else 1):
        approve = ApproveOperator(
            task_id=APPROVALS[needed],
            artifact=made.output,
            what=what,
            page=made.task_id,
            title=title,
            needed=needed,
            approvers=rule.approvers,
            timeout_hours=rule.timeout_hours,
            doc_md=f"Waits for a person, unless this very {what} is approved. *Reject* fails the run.",
        )
        before >> approve
        before = approve
    return before
