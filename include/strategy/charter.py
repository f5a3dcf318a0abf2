"""The charter: what was declared, what it will take, and whether it stays within its limits."""

import json
from typing import Any

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.strategy.accelerators import TABLE, accelerators
from include.strategy.charter_page import charter_page
from include.strategy.config import StrategyConfig
from include.strategy.estimate import Sizing, breaches, size

CHARTER_FILE = "charter.json"


@step("charter", resources=(TABLE,))
def charter(work: Workspace, config: StrategyConfig) -> None:
    """Write charter.json for the later steps and report.html for a manager; ConfigurationError for an unknown device.

    metrics: passed is False where the plan breaks a declared limit; the verdict names each breach.
    """
    table = accelerators()
    sizing = size(config, table)
    broken = breaches(config, sizing)
    work.metrics["monthly_cost"] = round(sizing.serving_cost_a_month, 2)
    work.metrics["replicas"] = sizing.replicas
    work.metrics["training_cost"] = round(sizing.training_cost, 4)
    work.metrics["currency"] = config.limits.currency
    work.metrics["indicators"] = len(config.indicators)
    work.metrics["passed"] = not broken
    work.metrics["verdict"] = "; ".join(broken) or "the plan stays within its limits"
    document = charter_document(config, sizing)
    (work.output / CHARTER_FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    page: Report = charter_page(config, sizing, broken, table)
    page.write(work.output)


def charter_document(config: StrategyConfig, sizing: Sizing) -> dict[str, Any]:
    """charter.json: the whole declaration, with `sizing` beside it."""
    return config.model_dump(mode="json") | {"sizing": sizing.model_dump(mode="json")}
