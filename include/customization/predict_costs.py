"""Predict what every technique of the race will cost, before any is trained, and hold it against the budget."""

import json
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.customization.config import CustomizationConfig
from include.customization.preferences.wanted import learners, rewarded_by_model
from include.customization.race.costs import COSTS_FILE, Costs, predicted_costs


def observed(_: ArtifactStore, config: CustomizationConfig, **__: object) -> dict[str, Any]:
    """What of the section costs: a gate's knob is none of it."""
    raced = {name: config.technique(name).model_dump(mode="json") for name in config.techniques}
    learnt = {}
    if learners(config):
        learnt = config.model_dump(mode="json", include={"preferences": {"own_answers", "max_new_tokens"}})
    if rewarded_by_model(config):
        learnt |= config.model_dump(mode="json", include={"reward_model"})
    return learnt | {"race": config.race.model_dump(mode="json", exclude={"evaluation", "eta"}), "techniques": raced}


@step("report", observes=observed, through=("config",))
def predict_costs(work: Workspace, model: ArtifactRef, charter: ArtifactRef, config: CustomizationConfig) -> None:
    """costs.json and a page: tokens, device hours and money of each technique, at the charter's prices and speed.

    metrics: predicted (all of the first rung, and what is made before it, whatever comes of them), budget, both in the
    unit that the budget counts, and passed: False where they do not fit, so that nothing is spent.
    """
    parameters = int(json.loads(work.store.read(model, "model_info.json"))["parameters"])
    costs = predicted_costs(json.loads(work.store.read(charter, "charter.json")), parameters, config)
    (work.output / COSTS_FILE).write_text(costs.model_dump_json(indent=1), encoding="utf-8")
    share, whole = config.race.rungs[0], sum(one.device_seconds for one in costs.entrants)
    first = costs.spent(whole * share + costs.shared_seconds)
    work.metrics |= {
        "predicted": round(first, 6),
        "budget": round(costs.budget, 6),
        "unit": costs.unit,
        "passed": first <= costs.budget,
    }
    work.metrics["verdict"] = _verdict(costs, first)
    _describe(work, costs, config)


def _verdict(costs: Costs, first: float) -> str:
    told = f"the first rung is predicted to take {first:.4g} {costs.unit} of {costs.budget:.4g} ({costs.budget_from})"
    if first <= costs.budget:
        return told
    return f"{told}: name fewer customization.techniques, give them fewer steps, or raise customization.race.budget"


def _describe(work: Workspace, costs: Costs, config: CustomizationConfig) -> None:
    prices, shares = costs.prices, config.race.rungs
    rows = [
        [one.name, f"{one.tokens:,}"]
        + [
            f"{one.device_seconds * share / 3600:.4g} h, {prices.money(one.device_seconds * share):.4g}"
            for share in shares
        ]
        for one in costs.entrants
    ]
    names = [f"until {share:.0%} of the steps" for share in shares]
    page = Report("The race: what it will cost").verdict(bool(work.metrics["passed"]), str(work.metrics["verdict"]))
    page.table(["technique", "tokens at most", *names], rows, f"Device hours, and {prices.currency}, of each technique")
    if costs.shared:
        made = [(name, f"{one / 3600:.4g} h, {prices.money(one):.4g}") for name, one in costs.shared.items()]
        page.table(["made before the race", "device hours and money"], made, "For all techniques that need it")
    page.text(
        f"Tokens are steps x batch x length. A weight costs 4 operations a token, 6 where it is trained, and a device "
        f"of the charter does {prices.operations:.3g} a second at {prices.hour_price:g} {prices.currency} an hour. "
        f"After each rung what was metered replaces the prediction."
    )
    page.write(work.output)
