"""What mapped tasks are mapped over. Airflow maps over return values only, hence tasks of their own."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context, task

from genai_airflow.run_options import load_for_run


@task
def list_shards(shards: list[int]) -> list[int]:
    """The shards of a dataset, for the tasks that take one each."""
    return shards


@task
def list_candidates(candidates: list[str]) -> list[str]:
    """The candidates that passed the screening, as paths of their configurations."""
    return [f"training.candidates.{name}" for name in candidates]


@task
def list_models(trained: dict[str, Any], imported: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The model from scratch first, then the imported ones: all are compared alike."""
    # outputs of mapped tasks are a lazy sequence; its slice is one request
    return [trained, *imported[:]]


@task
def list_techniques(**context: object) -> list[str]:
    """The use case's customization techniques, as paths of their configurations."""
    from genai_airflow.step_operators import failing_at_once

    with failing_at_once():
        use_case = load_for_run(Context(**context))  # type: ignore[typeddict-item]
    customization = use_case.customization
    return [customization.path(name) for name in customization.techniques]


@task
def list_survivors(survivors: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who goes on from a rung of the race: of each the path of its configuration, and the adapter to go on from."""
    return survivors
