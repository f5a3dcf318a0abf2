"""Let a customized model pass only where it is better than the model it came from, beyond chance."""

import json
from dataclasses import dataclass
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.customization.config import GateConfig
from include.evaluation.content import content
from include.evaluation.measures import on_target
from include.evaluation.statistics import paired_bootstrap

INDICATOR = "answer_nll"


@dataclass(frozen=True)
class Trial:
    """An adapter, its evaluation's metrics, and the difference of its loss to the base (below 0: better).

    `indicators`: one row for each that the charter declares.
    """

    ref: ArtifactRef
    technique: str
    metrics: dict[str, Any]
    difference: float
    low: float
    high: float
    indicators: list[dict[str, Any]]

    @property
    def better(self) -> bool:
        return self.high < 0

    @property
    def missed(self) -> list[str]:
        """Required indicators that are not on target."""
        return [row["name"] for row in self.indicators if row["required"] and not row["met"]]

    @property
    def passes(self) -> bool:
        return self.better and not self.missed


@step("report", measures=("baseline", "evaluations"))
def gate(
    work: Workspace,
    model: ArtifactRef,
    baseline: ArtifactRef,
    adapters: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    charter: ArtifactRef,
    config: GateConfig,
) -> None:
    """Choose, of the adapters that pass, the one with the lowest loss on the held-out questions.

    metrics: passed, verdict, selected (the adapter's reference, None where none passes) and indicators; where none
    passes, verdict and indicators are those of the lowest loss.
    Fails closed: nothing passes without a 95% interval of the paired difference entirely on the better side
    and every required indicator on target. ConfigurationError where the evaluations do not belong together.
    """
    declared = json.loads(work.store.read(charter, "charter.json")).get("indicators", [])
    before = work.manifest(baseline)
    if content(before.inputs.get("model")) != content(model):
        raise ConfigurationError("baseline", str(baseline), "it evaluates another model", f"Evaluate {model}")
    trials = _trials(work, model, baseline, adapters, evaluations, declared, config)
    best = min(trials, key=lambda trial: (not trial.passes, trial.difference))
    work.metrics["passed"] = best.passes
    work.metrics["technique"] = best.technique
    work.metrics["difference"] = round(best.difference, 4)
    work.metrics["verdict"] = _verdict(best)
    work.metrics["selected"] = best.ref.model_dump() if best.passes else None
    work.metrics["indicators"] = best.indicators
    _describe(work, best, trials)


def _trials(
    work: Workspace,
    model: ArtifactRef,
    baseline: ArtifactRef,
    adapters: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    declared: list[dict[str, Any]],
    config: GateConfig,
) -> list[Trial]:
    manifests = {content(work.manifest(ref).inputs.get("adapter")): ref for ref in evaluations}
    missing = [str(ref) for ref in adapters if content(ref) not in manifests]
    if missing or not adapters:
        raise ConfigurationError("evaluations", missing, "adapters without an evaluation", "Evaluate every adapter")
    base, before = work.manifest(baseline).metrics, _losses(work, baseline)
    found = []
    for adapter in adapters:
        evaluation = work.manifest(manifests[content(adapter)])
        if content(evaluation.inputs.get("model")) != content(model):
            raise ConfigurationError("evaluations", str(adapter), "evaluated on another model", f"Evaluate on {model}")
        mean, low, high = _difference(before, _losses(work, manifests[content(adapter)]), config)
        technique = json.loads(work.store.read(adapter, "adapter_info.json"))["technique"]
        indicators = [_indicator(item, base, evaluation.metrics) for item in declared]
        found.append(Trial(adapter, technique, evaluation.metrics, mean, low, high, indicators))
    return found


def _difference(before: dict[str, float], after: dict[str, float], config: GateConfig) -> tuple[float, float, float]:
    """Mean, low and high of after - before over the questions, which must be the same."""
    if before.keys() != after.keys() or len(before) < config.least_questions:
        raise ConfigurationError(
            "evaluations",
            f"{len(before)} and {len(after)} questions",
            f"both must answer the same questions, at least {config.least_questions}",
            "Hold out more questions, and evaluate with one configuration",
        )
    ids = sorted(before)
    return paired_bootstrap([before[i] for i in ids], [after[i] for i in ids], config.seed, config.resamples)


def _losses(work: Workspace, evaluation: ArtifactRef) -> dict[str, float]:
    lines = work.store.read(evaluation, "answers.jsonl").decode().splitlines()
    return {row["id"]: float(row["nll"]) for row in map(json.loads, lines)}


def _indicator(declared: dict[str, Any], base: dict[str, Any], customized: dict[str, Any]) -> dict[str, Any]:
    """One row of metrics["indicators"]; low and high: 95% interval of the customized model's value."""
    name = declared["name"]
    value = customized[name]
    low, high = customized.get("intervals", {}).get(name, (None, None))
    return {
        "name": name,
        "target": declared["target"],
        "direction": declared["direction"],
        "required": bool(declared.get("required", False)),
        "base": base[name],
        "customized": value,
        "low": low,
        "high": high,
        "met": on_target(declared, value),
    }


def _verdict(best: Trial) -> str:
    gained = f"{best.difference:+.3f} nats a token, 95% interval [{best.low:+.3f}, {best.high:+.3f}]"
    if not best.better:
        return f"no customized model is better than the base beyond chance (best: {best.technique}, {gained})"
    if best.missed:
        return f"{best.technique} is better than the base ({gained}) but misses the required {', '.join(best.missed)}"
    return f"{best.technique} is better than the base: {gained}"


def _standing(trial: Trial, best: Trial) -> str:
    if trial.passes:
        return "selected" if trial is best else "passes"
    return f"misses {', '.join(trial.missed)}" if trial.better else "not better"


def _describe(work: Workspace, best: Trial, trials: list[Trial]) -> None:
    compared = [
        (
            _standing(trial, best),
            trial.technique,
            *(round(number, 4) for number in (trial.difference, trial.low, trial.high)),
            *(trial.metrics.get(name, "") for name in (INDICATOR, "answer_chrf", "seconds_per_answer")),
        )
        for trial in sorted(trials, key=lambda trial: trial.difference)
    ]
    names = ["name", "direction", "target", "required", "base", "customized", "low", "high", "met"]
    (
        Report("Gate: " + ("passed" if work.metrics["passed"] else "stopped"))
        .text(str(work.metrics["verdict"]))
        .table(names, [[row[name] for name in names] for row in best.indicators], "Base against customized")
        .table(
            ["verdict", "technique", "difference", "95% low", "95% high", "nll", "chrF2++", "seconds"],
            compared,
            "Difference of the loss on the same held-out questions, in nats a token (below 0 is better)",
        )
        .write(work.output)
    )
