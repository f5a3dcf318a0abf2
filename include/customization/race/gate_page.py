"""The gate's page: the verdict, its checks, every technique with its cost and interval, and the race as pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.artifacts.report import Report
from include.artifacts.scatter import Point
from include.customization.config import GateConfig
from include.customization.race.costs import Costs
from include.customization.race.rungs import Rung
from include.customization.race.trial import Difference, Trial
from include.customization.race.trials import UNITS

RULE = (
    "Each technique is compared with the base on the same held-out questions, by the signs of the differences; p is "
    "corrected for the number of techniques (Holm). Of those that hold all that is asked, the ones that are not worse "
    "than the best beyond chance count as equal, and of these the cheapest is taken: what its training took, plus what "
    "the tokens that it puts before every question add to a month of serving, as if nothing were kept of them. What "
    "serves now sets a margin: a model passes where the whole interval of its difference to the champion lies within "
    "it, so that few questions cannot let a worse one pass."
)


def gate_page(
    metrics: Mapping[str, Any],
    best: Trial,
    trials: Sequence[Trial],
    costs: Costs,
    rungs: Sequence[Rung],
    config: GateConfig,
) -> Report:
    """The whole page."""
    page = Report("Gate").verdict(bool(metrics["passed"]), str(metrics["verdict"]))
    rows = [[check.name, check.found, check.asked, check.passed] for check in best.checks]
    page.table(["check", "found", "asked", "holds"], rows, f"What is asked of {best.name}")
    names = ["name", "direction", "target", "required", "base", "customized", "low", "high", "met"]
    page.table(names, [[row[name] for name in names] for row in best.indicators], "Base against customized")
    _techniques(page, best, trials, costs, config)
    page.text(RULE, "How the winner is chosen")
    points = [
        Point(trial.name, trial.cost, trial.mean, _standing(trial, best).partition(":")[0])
        for trial in trials
        if trial.losses
    ]
    money, heading = costs.prices.currency, "Quality against cost; to the left is cheaper, below is better"
    if points:
        page.scatter(points, f"{money}, training and a month of serving more", UNITS[config.indicator], heading)
    _rungs(page, trials, rungs, costs)
    page.text(
        f"Training of all techniques was predicted to take {metrics['predicted_cost']:g} {money} if none were stopped, "
        f"and took {metrics['cost']:g}. A technique whose artifact is reused counts with what it once took. "
        "Evaluations and packaging are not counted."
    )
    return page


def _techniques(page: Report, best: Trial, trials: Sequence[Trial], costs: Costs, config: GateConfig) -> None:
    def numbers(found: Difference | None) -> list[object]:
        return [round(one, 4) for one in (found.mean, found.low, found.high, found.p)] if found else [""] * 4

    ordered = sorted(trials, key=lambda trial: trial.mean)
    rows = [
        [
            _standing(trial, best),
            trial.name,
            *numbers(trial.against.get("base")),
            str(trial.against.get("best", "")),
            round(trial.training, 6),
            round(trial.serving, 6),
            *(trial.metrics.get(name, "") for name in ("answer_bits_per_char", "answer_chrf", "seconds_per_answer")),
        ]
        for trial in ordered
    ]
    money = costs.prices.currency
    names = ["verdict", "technique", "difference to the base", "95% low", "95% high", "p", "difference to the best"]
    names += [f"training, {money}", f"a month of serving, {money} more", "bits a character", "chrF2++", "seconds"]
    page.table(names, rows, f"Techniques on the same held-out questions, {UNITS[config.indicator]} (lower is better)")


def _standing(trial: Trial, best: Trial) -> str:
    if trial.passes:
        return "selected" if trial is best else "passes"
    return "fails: " + ", ".join(check.name for check in trial.checks if not check.passed)


def _rungs(page: Report, trials: Sequence[Trial], rungs: Sequence[Rung], costs: Costs) -> None:
    """How far each technique came: a bar of device seconds, a part a rung, and the rung that stopped it."""
    if not rungs:
        return
    came: dict[str, list[float]] = {one.path: [] for one in costs.entrants}
    why = {trial.path: "reached the gate" for trial in trials}
    for rung in rungs:
        for one in rung.standings:
            came[one.path].append(one.device_seconds)
            if not one.goes_on:
                why[one.path] = f"stopped after {rung.share:.0%} of the steps: {one.reason}"
    for trial in trials:
        came[trial.path].append(trial.device_seconds - sum(came[trial.path]))
    names = [f"until {rung.share:.0%}" for rung in rungs] + ["until 100%"]
    entrants = {one.path: one.name for one in costs.entrants}
    top = max(map(sum, came.values()), default=0) or 1
    values = {entrants[path]: one + [0.0] * (len(names) - len(one)) for path, one in came.items()}
    page.stacks(names, values, top, "The rungs: device seconds of each technique")
    page.table(["technique", "how far it came"], [[entrants[path], why.get(path, "")] for path in came])
