"""The charter: what was declared, what it will take, and whether it stays within its limits."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.strategy.accelerators import TABLE, accelerators
from include.strategy.charter_page import charter_page
from include.strategy.config import StrategyConfig
from include.strategy.data_terms import data_terms
from include.strategy.decision import Decision, decide
from include.strategy.estimate import Sizing, breaches, size

CHARTER_FILE = "charter.json"


@step("charter", resources=(TABLE,))
def charter(
    work: Workspace,
    config: StrategyConfig,
    techniques: Sequence[str] = (),
    anonymize: Mapping[str, Any] | None = None,
    check: Mapping[str, Any] | None = None,
    records: Sequence[Mapping[str, Any]] = (),
    collections: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write charter.json for the later steps and report.html for a manager; ConfigurationError for an unknown device.

    `techniques` are those that customization races; where they are not what is worth racing, the page warns.
    `anonymize`, `check`, `records` and `collections` are data preparation's: who approves the charter approves them.

    metrics: passed is False where the plan breaks a declared limit; the verdict names each breach.
    """
    table = accelerators()
    sizing = size(config, table)
    broken = breaches(config, sizing)
    work.metrics["monthly_cost"] = round(sizing.serving_cost_a_month, 2)
    work.metrics["replicas"] = sizing.replicas
    work.metrics["training_cost"] = round(sizing.training_cost, 4)
    work.metrics["currency"] = config.limits.currency
    decision = decide(config, sizing, techniques)
    work.metrics["route"] = decision.route.chosen
    work.metrics["deviations"] = len(decision.deviations)
    work.metrics["indicators"] = len(config.indicators)
    work.metrics["passed"] = not broken
    work.metrics["verdict"] = "; ".join(broken) or "the plan stays within its limits"
    terms = data_terms(anonymize, check, records, collections)
    document = charter_document(config, sizing, decision, terms)
    written = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (work.output / CHARTER_FILE).write_text(written, encoding="utf-8")
    page: Report = charter_page(config, sizing, decision, broken, table, terms)
    page.write(work.output)


def charter_document(
    config: StrategyConfig, sizing: Sizing, decision: Decision, terms: dict[str, Any]
) -> dict[str, Any]:
    """charter.json: the whole declaration, with `sizing`, `decision` as it was taken, and `data_terms`.

    What else is configured elsewhere is left out: it would make later steps run again that do not look at it.
    """
    taken = decision.model_dump(mode="json", exclude={"deviations"})
    found = {"sizing": sizing.model_dump(mode="json"), "decision": taken, "data_terms": terms}
    return config.model_dump(mode="json") | found
