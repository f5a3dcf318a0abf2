"""Kinds of tasks that several groups have."""

from airflow.sdk import XComArg

from genai_airflow.fan_out import list_shards
from genai_airflow.step_operators import RunStepOperator

ACCELERATOR_POOL = "accelerator"
PUBLISHES = "data_preparation.check"
BY_ITEM = "{{ label }}"


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


def evaluate_each(over: str, items: XComArg | list[XComArg], **arguments: XComArg) -> XComArg:
    """The evaluation of several models or adapters, one task each; `over` names the step's argument."""
    return (
        RunStepOperator.partial(
            task_id="evaluate",
            step="evaluation.evaluate",
            config="evaluation",
            arguments=arguments,
            over=over,
            map_index_template=BY_ITEM,
            doc_md=f"Answers the held-out questions and measures the answers; one task for each {over}.",
        )
        .expand(item=items)
        .output
    )
