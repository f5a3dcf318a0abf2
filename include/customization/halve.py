"""Stop the weaker techniques of the race on a rung, and those that the budget does not pay for."""

from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.customization.config import RaceConfig
from include.customization.config.race import LEAST_DEVELOPMENT
from include.customization.race.costs import Costs, metered_seconds, read_costs
from include.customization.race.rungs import RUNG_FILE, Rung, Standing, halved, read_rung
from include.customization.race.trials import UNITS, evaluations_of, losses, require_names


@step("report", measures=("adapters", "evaluations"))
def halve(
    work: Workspace,
    names: list[str],
    adapters: list[ArtifactRef],
    evaluations: list[ArtifactRef],
    costs: ArtifactRef,
    earlier: list[ArtifactRef],
    rung: int,
    indicator: str,
    config: RaceConfig,
) -> None:
    """rung.json and a page: who goes on to the next rung, who is stopped, each with its reason.

    `names` are the paths of the techniques' configurations, in the order of `adapters`; `evaluations` are on
    development questions; `earlier` are the rungs before this one, `rung` counts from 0 and is not the last. An
    adapter that is reused has the device seconds that it once took.

    metrics: going_on, stopped, spent (all rungs, in the budget's unit), survivors and names to map the next rung over;
    passed is False where none goes on. ConfigurationError where an evaluation is missing or says too little.
    """
    require_names(names, adapters)
    predicted = read_costs(work.store, costs)
    measured = evaluations_of(work, adapters, evaluations)
    before, share, following = (0.0, *config.rungs)[rung : rung + 3]
    longer = (following - share) / (share - before)
    standings = [
        _standing(work, path, adapter, evaluation, indicator, longer)
        for path, adapter, evaluation in zip(names, adapters, measured, strict=True)
    ]
    spent = predicted.shared_seconds + sum(read_rung(work.store, ref).device_seconds for ref in earlier)
    spent += sum(one.device_seconds for one in standings)
    ordered = halved(standings, config.eta, spent, predicted)
    written = Rung(number=rung, share=share, indicator=indicator, standings=tuple(ordered))
    (work.output / RUNG_FILE).write_text(written.model_dump_json(indent=1), encoding="utf-8")
    refs = dict(zip(names, adapters, strict=True))
    on = [one for one in ordered if one.goes_on]
    work.metrics |= {
        "going_on": ", ".join(one.name for one in on),
        "stopped": ", ".join(one.name for one in ordered if not one.goes_on),
        "spent": round(predicted.spent(spent), 6),
        "rest": round(predicted.spent(sum(one.rest for one in on)), 6),
        "budget": round(predicted.budget, 6),
        "unit": predicted.unit,
        "survivors": [{"config": one.path, "item": refs[one.path].model_dump()} for one in on],
        "names": [one.path for one in on],
        "passed": bool(on),
    }
    work.metrics["verdict"] = "; ".join(f"{one.name}: {one.reason}" for one in ordered)
    _describe(work, written, predicted)


def _standing(
    work: Workspace,
    path: str,
    adapter: ArtifactRef,
    evaluation: ArtifactRef | None,
    indicator: str,
    longer: float,
) -> Standing:
    name = path.rpartition(".")[2]
    if evaluation is None:
        raise ConfigurationError("evaluations", name, "it was not evaluated on this rung", "Evaluate every adapter")
    values = losses(work.store, evaluation, indicator)
    if len(values) < LEAST_DEVELOPMENT:
        raise ConfigurationError(
            "customization.race.evaluation",
            f"{len(values)} questions",
            f"{name} cannot be judged by {indicator} on fewer than {LEAST_DEVELOPMENT} development questions",
            "Raise its questions (and answers, for chrF), or give the dataset more questions to train on",
        )
    made, sign = work.manifest(adapter).metrics, 1 if indicator != "answer_chrf" else -1
    low, high = sorted(sign * bound for bound in work.manifest(evaluation).metrics["intervals"][indicator])
    seconds = metered_seconds(made)
    return Standing(
        name=name,
        path=path,
        value=round(sum(values.values()) / len(values), 6),
        low=low,
        high=high,
        steps=int(made.get("steps", 0)),
        device_seconds=seconds,
        rest=seconds * longer,
    )


def _describe(work: Workspace, rung: Rung, costs: Costs) -> None:
    metrics, share = work.metrics, rung.share
    page = Report(f"The race after {share:.0%} of the steps").verdict(bool(metrics["passed"]), str(metrics["verdict"]))
    rows: list[list[Any]] = [
        [
            one.name,
            "goes on" if one.goes_on else "stopped",
            *(round(number, 4) for number in (one.value, one.low, one.high)),
            one.steps,
            f"{costs.entrant(one.path).device_seconds * share / 3600:.4g}",
            f"{one.device_seconds / 3600:.4g}",
            f"{costs.prices.money(one.device_seconds):.4g}",
            f"{costs.prices.money(one.rest):.4g}",
            one.reason,
        ]
        for one in rung.standings
    ]
    money = costs.prices.currency
    names = ["technique", "", UNITS[rung.indicator], "95% low", "95% high", "steps", "predicted hours", "metered hours"]
    names += [money, f"{money} to the next rung", "why"]
    page.table(names, rows, "Standings on the development questions; lower is better")
    page.text(
        f"{metrics['spent']:g} of {metrics['budget']:g} {costs.unit} are spent on training and what is made "
        f"before it, and those that go on are predicted to take {metrics['rest']:g} more by what they took so far. "
        f"The budget is {costs.budget_from}. "
        "A technique whose artifact is reused counts with what it took when it was made: the race is judged as if it "
        "had been run now."
    )
    page.write(work.output)
