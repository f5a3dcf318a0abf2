"""Artifacts whose content a test writes down; another `run` gives the same bytes another fingerprint."""

import json
from collections.abc import Callable
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step, Workspace, step


@step("charter")
def hand_made_charter(work: Workspace, content: dict[str, Any]) -> None:
    (work.output / "charter.json").write_text(json.dumps(content))


@step("model")
def hand_made_model(
    work: Workspace, name: str, parameters: int, license: str, run: int = 0, more: dict[str, Any] | None = None
) -> None:
    info = {"name": name, "parameters": parameters, "license": license, "origin": "a test"} | (more or {})
    (work.output / "model_info.json").write_text(json.dumps(info))


@step("adapter")
def hand_made_adapter(work: Workspace, technique: str, base: ArtifactRef, run: int = 0) -> None:
    info = {"technique": technique, "base": base.digest}
    (work.output / "adapter_info.json").write_text(json.dumps(info))


@step("report")
def hand_made_evaluation(
    work: Workspace,
    model: ArtifactRef,
    numbers: dict[str, float],
    adapter: ArtifactRef | None = None,
    losses: list[float] | None = None,
) -> None:
    lines = [json.dumps({"id": f"q{i}", "nll": loss}) for i, loss in enumerate(losses or [])]
    (work.output / "answers.jsonl").write_text("\n".join(lines))
    work.metrics |= numbers
    work.metrics["intervals"] = {name: [value - 0.1, value + 0.1] for name, value in numbers.items()}


@step("report")
def hand_made_screening(work: Workspace, rows: list[dict[str, Any]]) -> None:
    (work.output / "screening.json").write_text(json.dumps(rows))


def _named(made: Step[Any], function: Callable[..., object]) -> None:
    # one module, several steps: a step is named after its module, so these need names of their own
    made.name = f"tests.{function.__name__}"


for _step in (hand_made_charter, hand_made_model, hand_made_adapter, hand_made_evaluation, hand_made_screening):
    _named(_step, _step.function)
