"""The page that shows why a model was selected."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.scatter import Point
from include.evaluation.measures import LM_EVAL, measure
from include.training.comparison import COSTS, Difference, Rival, axes, front

SHOWN = ("answer_bits_per_char", "answer_chrf", "seconds_per_answer", *COSTS)


def describe(
    metrics: Mapping[str, Any],
    chosen: Rival,
    rivals: Sequence[Rival],
    ranked: Sequence[Rival],
    differences: Mapping[ArtifactRef, Difference | None],
    screened: Sequence[Mapping[str, Any]],
    indicator: str,
) -> Report:
    """Reason, candidates, quality against time and memory, differences, indicators, and who was screened out."""
    page = Report("Model selection").text(str(metrics["reason"]))
    _candidates(page, chosen, rivals, ranked, indicator)
    _plots(page, ranked, indicator)
    _differences(page, ranked, differences, indicator)
    page.text(
        "Bits a character are compared, not nats a token: the candidates' tokenizers differ. Of candidates that the "
        "held-out questions cannot tell apart, the smallest is selected. Time and memory are those of fp32 weights "
        "under transformers.",
        "How they are compared",
    )
    _indicators(page, metrics["indicators"])
    if out := [row for row in screened if row["reason"]]:
        page.table(
            ["model", "source", "licence", "reason"],
            [[row["name"], row["source"], row["license"], row["reason"]] for row in out],
            "Screened out, and not evaluated",
        )
    return page


def _candidates(page: Report, chosen: Rival, rivals: Sequence[Rival], ranked: Sequence[Rival], indicator: str) -> None:
    best = front(ranked, axes(ranked, indicator))
    tasks = sorted({name for rival in rivals for name in rival.metrics if name.startswith(LM_EVAL)})
    shown = [name for name in dict.fromkeys((indicator, *SHOWN, *tasks)) if any(name in r.metrics for r in rivals)]
    rows = [
        (
            "selected" if one is chosen else one.excluded or ("not selected" if one in best else "dominated"),
            one.name,
            f"{one.info['parameters']:,}",
            one.info["license"],
            *(_with_interval(one.metrics, name) for name in shown),
        )
        for one in rivals
    ]
    page.table(["verdict", "model", "parameters", "licence", *shown], rows)


def _plots(page: Report, ranked: Sequence[Rival], indicator: str) -> None:
    """Quality against each cost; the line joins those that no other beats in both."""
    better = "lower" if (found := measure(indicator)) and found.good == "at_most" else "higher"
    measured = axes(ranked, indicator)
    whole = front(ranked, measured)
    for cost in measured[1:]:
        points = {
            one.ref: Point(
                one.name,
                float(one.metrics[cost]),
                float(one.metrics[indicator]),
                "Pareto front" if one in whole else "dominated",
            )
            for one in ranked
        }
        line = sorted((points[one.ref] for one in front(ranked, [indicator, cost])), key=lambda point: point.x)
        page.scatter(list(points.values()), cost, f"{indicator} ({better} is better)", f"{indicator} and {cost}", line)


def _differences(
    page: Report, ranked: Sequence[Rival], differences: Mapping[ArtifactRef, Difference | None], indicator: str
) -> None:
    rows = [
        (one.name, *(f"{number:.4g}" for number in found[:3]), found.questions, found.beyond_chance)
        for one in ranked
        if (found := differences.get(one.ref))
    ]
    if rows:
        page.table(
            ["model", "worse by", "95% low", "95% high", "questions", "beyond chance"],
            rows,
            f"{indicator}: against {ranked[0].name}, on the same questions",
        )


def _indicators(page: Report, targets: Sequence[Mapping[str, Any]]) -> None:
    if not targets:
        return
    page.table(
        ["model", "indicator", "value", "target", "required", "met"],
        [
            [
                row["model"],
                row["name"],
                _told(row["value"], row["low"], row["high"]),
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


def _with_interval(metrics: Mapping[str, Any], name: str) -> str:
    return _told(metrics.get(name), *metrics.get("intervals", {}).get(name, (None, None)))


def _told(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if low is None else f"{value:.4g} [{low:.4g}, {high:.4g}]"
