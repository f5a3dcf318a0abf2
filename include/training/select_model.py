"""Compare the candidate models within the charter's limits and select one, with the reason."""

import json
from dataclasses import dataclass
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError, ModelError
from include.evaluation.content import content
from include.evaluation.measures import MEASURES, on_target
from include.training.config import SelectConfig

_SHOWN = ("answer_bits_per_char", "answer_chrf", "seconds_per_answer")


@dataclass(frozen=True)
class Candidate:
    """A model, what is known of it, and how it did on the held-out questions."""

    ref: ArtifactRef
    info: dict[str, Any]
    metrics: dict[str, Any]
    excluded: str

    @property
    def name(self) -> str:
        return str(self.info["name"])


@step("report", measures=("evaluations",))
def select_model(
    work: Workspace,
    models: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    charter: ArtifactRef,
    config: SelectConfig,
) -> None:
    """Select the best candidate by `config.indicator`; metrics: selected (its reference), reason, name.

    metrics also hold each candidate to the charter's indicators, and none is stopped by them: indicators, one row for
    each, and targets_met of the selected one. ModelError where the charter's limits exclude all of them.
    """
    declared = json.loads(work.store.read(charter, "charter.json"))
    candidates = _candidates(work, models, evaluations, declared.get("limits", {}))
    allowed = [candidate for candidate in candidates if not candidate.excluded]
    if not allowed:
        raise ModelError(
            "strategy.limits",
            "; ".join(f"{candidate.name}: {candidate.excluded}" for candidate in candidates),
            "the charter's limits exclude every candidate",
            "Widen the limits in the use case, or train or import another model",
        )
    sign = -1 if MEASURES[config.indicator].good == "at_least" else 1
    best = min(allowed, key=lambda candidate: sign * float(candidate.metrics[config.indicator]))
    work.metrics["name"] = best.name
    work.metrics[config.indicator] = best.metrics[config.indicator]
    work.metrics["reason"] = _reason(best, candidates, config.indicator)
    work.metrics["selected"] = best.ref.model_dump()
    work.metrics["indicators"] = [row for one in candidates for row in _held_to(one, declared.get("indicators", []))]
    if met := [row["met"] for row in _held_to(best, declared.get("indicators", []))]:
        work.metrics["targets_met"] = f"{sum(met)} of {len(met)}"
    _describe(work, best, candidates)


def _candidates(
    work: Workspace, models: list[ArtifactRef], evaluations: list[ArtifactRef], limits: dict[str, Any]
) -> list[Candidate]:
    by_model = {}
    for evaluation in evaluations:
        manifest = work.manifest(evaluation)
        by_model[content(manifest.inputs["model"])] = manifest.metrics
    missing = [str(model) for model in models if content(model) not in by_model]
    if missing or not models:
        raise ConfigurationError("evaluations", missing, "candidates without an evaluation", "Evaluate every model")
    found = []
    for model in models:
        info = json.loads(work.store.read(model, "model_info.json"))
        found.append(Candidate(model, info, by_model[content(model)], _excluded(info, limits)))
    return found


def _excluded(info: dict[str, Any], limits: dict[str, Any]) -> str:
    """Why the charter's limits exclude a model; empty where they do not."""
    largest, licences = limits.get("max_parameters"), limits.get("licences")
    if largest is not None and info["parameters"] > largest:
        return f"{info['parameters']:,} parameters, over the limit of {largest:,}"
    if licences and info["license"] not in licences:
        return f"licence {info['license']} is not among {', '.join(licences)}"
    return ""


def _held_to(candidate: Candidate, indicators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of metrics["indicators"] for each that the charter declares; low and high: the value's 95% interval."""
    return [
        {"model": candidate.name}
        | {name: indicator[name] for name in ("name", "direction", "target", "required")}
        | {
            **_measured(candidate.metrics, indicator["name"]),
            "met": on_target(indicator, candidate.metrics[indicator["name"]]),
        }
        for indicator in indicators
    ]


def _reason(best: Candidate, candidates: list[Candidate], indicator: str) -> str:
    others = [
        f"{other.name} is excluded ({other.excluded})"
        if other.excluded
        else f"{other.name} has {other.metrics[indicator]:g}"
        for other in candidates
        if other is not best
    ]
    return f"{best.name}: {indicator} {best.metrics[indicator]:g}" + (f"; {'; '.join(others)}" if others else "")


def _describe(work: Workspace, best: Candidate, candidates: list[Candidate]) -> None:
    rows = [
        (
            ("selected" if candidate is best else candidate.excluded or "not selected"),
            candidate.name,
            f"{candidate.info['parameters']:,}",
            candidate.info["license"],
            *(_with_interval(**_measured(candidate.metrics, name)) for name in _SHOWN),
        )
        for candidate in candidates
    ]
    page = Report("Model selection").text(str(work.metrics["reason"]))
    page.table(["verdict", "model", "parameters", "licence", *_SHOWN], rows)
    page.text(
        "Bits a character are compared, not nats a token: the candidates' tokenizers differ.", "Why this indicator"
    )
    if targets := work.metrics["indicators"]:
        page.table(
            ["model", "indicator", "value", "target", "required", "met"],
            [
                [
                    row["model"],
                    row["name"],
                    _with_interval(**{part: row[part] for part in ("value", "low", "high")}),
                    f"{row['direction'].replace('_', ' ')} {row['target']:g}",
                    "yes" if row["required"] else "no",
                    "met" if row["met"] else "missed",
                ]
                for row in targets
            ],
            heading="Declared indicators",
        )
        page.text(
            "A target that is missed here stops nothing: customization may still bring the model there. The gate after "
            "it deploys no model that misses a required one."
        )
    page.write(work.output)


def _measured(metrics: dict[str, Any], name: str) -> dict[str, Any]:
    low, high = metrics.get("intervals", {}).get(name, (None, None))
    return {"value": metrics[name], "low": low, "high": high}


def _with_interval(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.4g}" if low is None else f"{value:.4g} [{low:.4g}, {high:.4g}]"
