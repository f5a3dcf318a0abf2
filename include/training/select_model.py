"""Compare the candidate models within the charter's limits and select one, with the reason."""

import json
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError, ModelError
from include.evaluation.content import content
from include.evaluation.measures import held_to
from include.training.comparison import Difference, Rival, axes, badness, difference, front
from include.training.config import SelectConfig
from include.training.limits import SCREENING, reasons
from include.training.model_files import Facts
from include.training.selection_page import describe


@step("report", measures=("evaluations",))
def select_model(
    work: Workspace,
    models: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    charter: ArtifactRef,
    config: SelectConfig,
    screening: ArtifactRef | None = None,
) -> None:
    """Select by `config.indicator`: the best, or the smallest of those that are not worse than it beyond chance.

    metrics: selected (its reference), reason, name, front (who is not dominated in quality, time and memory), and
    difference, the interval by which the runner-up is worse on the same questions. They also hold each candidate to
    the charter's indicators, and none is stopped by them: indicators, one row for each, and targets_met of the
    selected one. ModelError where the charter's limits exclude all; `screening` tells who was not even evaluated.
    """
    declared = json.loads(work.store.read(charter, "charter.json"))
    rivals = _rivals(work, models, evaluations, declared, config)
    ranked = sorted((one for one in rivals if not one.excluded), key=lambda one: badness(one, config.indicator))
    if not ranked:
        raise ModelError(
            "strategy.limits",
            "; ".join(f"{one.name}: {one.excluded}" for one in rivals),
            "the charter's limits exclude every candidate",
            "Widen the limits in the use case, or train or import another model",
        )
    differences = {one.ref: difference(work.store, ranked[0], one, config) for one in ranked[1:]}
    equals = [one for one in ranked if _is_as_good(one, ranked[0], differences)]
    chosen = min(equals, key=lambda one: int(one.info["parameters"]))
    work.metrics["name"] = chosen.name
    work.metrics[config.indicator] = chosen.metrics[config.indicator]
    work.metrics["reason"] = _reason(chosen, ranked, differences, rivals, config.indicator)
    work.metrics["selected"] = chosen.ref.model_dump()
    work.metrics["front"] = [one.name for one in front(ranked, axes(ranked, config.indicator))]
    if len(ranked) > 1 and (second := differences[ranked[1].ref]):
        work.metrics["difference"] = [round(number, 4) for number in second[:3]]
    indicators = declared.get("indicators", [])
    work.metrics["indicators"] = [row for one in rivals for row in _held_to(one, indicators)]
    if met := [row["met"] for row in _held_to(chosen, indicators)]:
        work.metrics["targets_met"] = f"{sum(met)} of {len(met)}"
    screened = json.loads(work.store.read(screening, SCREENING)) if screening else []
    describe(work.metrics, chosen, rivals, ranked, differences, screened, config.indicator).write(work.output)


def _rivals(
    work: Workspace,
    models: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    declared: dict[str, Any],
    config: SelectConfig,
) -> list[Rival]:
    by_model = {content(work.manifest(evaluation).inputs["model"]): evaluation for evaluation in evaluations}
    missing = [str(model) for model in models if content(model) not in by_model]
    if missing or not models:
        raise ConfigurationError("evaluations", missing, "candidates without an evaluation", "Evaluate every model")
    found = []
    for model in models:
        info = json.loads(work.store.read(model, "model_info.json"))
        evaluation = by_model[content(model)]
        metrics = work.manifest(evaluation).metrics
        if config.indicator not in metrics:
            raise ConfigurationError(
                "training.select.indicator",
                config.indicator,
                f"the evaluation of {info['name']} has not measured it",
                f"Choose one of: {', '.join(metrics.get('intervals', metrics))}",
            )
        known = Facts(info["name"], info["license"], info["parameters"], info.get("context"))
        found.append(Rival(model, evaluation, info, metrics, next(reasons(known, declared), "")))
    return found


def _is_as_good(one: Rival, best: Rival, differences: dict[ArtifactRef, Difference | None]) -> bool:
    """Whether nothing shows that it is worse than the best; without questions to pair, the best alone is."""
    if one is best:
        return True
    found = differences[one.ref]
    return found is not None and not found.beyond_chance


def _held_to(one: Rival, indicators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row of metrics["indicators"] for each that the charter declares; low and high: the value's 95% interval."""
    named = ("name", "direction", "target", "required")
    return [
        {"model": one.name} | {name: indicator[name] for name in named} | held_to(indicator, one.metrics)
        for indicator in indicators
    ]


def _reason(
    chosen: Rival,
    ranked: list[Rival],
    differences: dict[ArtifactRef, Difference | None],
    rivals: list[Rival],
    indicator: str,
) -> str:
    said = [f"{chosen.name}: {indicator} {chosen.metrics[indicator]:g}"]
    if chosen is not ranked[0]:
        said[0] += f", not worse than that of {ranked[0].name} beyond chance, with fewer parameters"
    for one in ranked:
        found = differences.get(one.ref)
        if one is not chosen:
            told = f"{one.name} has {one.metrics[indicator]:g}"
            if found and chosen is ranked[0]:
                certain = "beyond chance" if found.beyond_chance else "within chance, and it is no smaller"
                told += f" (worse by {found.mean:.3g} [{found.low:.3g}, {found.high:.3g}], {certain})"
            said.append(told)
    said += [f"{one.name} is excluded ({one.excluded})" for one in rivals if one.excluded]
    return "; ".join(said)
