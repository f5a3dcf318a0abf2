"""The charter as a page that a manager reads, with the arithmetic shown."""

from collections.abc import Mapping
from typing import Any

from include.artifacts.report import Report
from include.strategy.accelerators import AcceleratorTable, serving_device, training_device
from include.strategy.config import DataSource, StrategyConfig
from include.strategy.config.assessment import HIGHEST, LOWEST
from include.strategy.data_terms import terms_table
from include.strategy.decision import Decision
from include.strategy.decision_page import decision_table
from include.strategy.estimate import Sizing
from include.strategy.sizing import HOURS_A_MONTH
from include.strategy.sizing_page import alternatives, serving, training

_SIGNS = {"at_most": "at most", "at_least": "at least"}


def charter_page(
    config: StrategyConfig,
    sized: Sizing,
    decision: Decision,
    broken: list[str],
    table: AcceleratorTable,
    terms: Mapping[str, Any],
) -> Report:
    """The report of a charter; `broken` are the limits that the plan breaks, `terms` those of data_terms.py."""
    page = Report("Charter")
    page.text("; ".join(broken) or "The plan stays within its limits.", heading="Verdict")
    page.text(config.problem_or_opportunity, heading="Problem or opportunity")
    page.text(config.goal, heading="Goal")
    page.table(
        ["Objective", "Shown by"],
        [[one.text, ", ".join(one.indicators)] for one in config.objectives],
        heading="Objectives",
    )
    page.table(
        ["Indicator", "Target", "Required", "Meaning"],
        [
            [item.name, f"{_SIGNS[item.direction]} {item.target:g}", "yes" if item.required else "no", item.description]
            for item in config.indicators
        ],
        heading="Indicators",
    )
    _declared(page, config)
    terms_table(page, terms)
    decision_table(page, decision)
    training(page, config, sized, table)
    serving(page, config, sized, table)
    _cost(page, config, sized, table)
    alternatives(page, config, table)
    return page


def _declared(page: Report, config: StrategyConfig) -> None:
    demand, limits = config.demand, config.limits
    page.table(
        ["Demand", "Value"],
        [
            ["users waiting at the same time", demand.concurrent_users],
            ["questions a day", demand.requests_a_day],
            ["busiest hour over the mean", demand.peak_factor],
            ["tokens of a question", demand.prompt_tokens],
            ["tokens of an answer", demand.answer_tokens],
            ["seconds for a whole answer, at most", demand.latency_seconds],
            ["seconds for its first token, at most", demand.first_token_seconds or "not limited"],
        ],
        heading="Expected demand",
    )
    page.table(
        ["Source", "Sensitivity", "Tokens", "Examples", "Content"],
        [[source.name, source.sensitivity, *_volumes(source), source.description] for source in config.data_sources],
        heading="Data and sensitivity",
    )
    approval = config.approval
    approvers = ", ".join(approval.approvers) or "whoever may trigger the DAG"
    page.table(
        ["Limit", "Value"],
        [
            ["licences", ", ".join(limits.licences)],
            ["parameters of the model, at most", f"{limits.max_parameters:,}"],
            ["budget", f"{limits.budget:,.2f} {limits.currency}"],
            ["owner", config.owner],
            ["approval", f"{approval.people} of {approvers}" if approval.required else "not required"],
        ],
        heading="Limits and ownership",
    )
    if config.assessment:
        scores = [[name, score["score"], score["reason"]] for name, score in config.assessment.model_dump().items()]
        page.table(["Factor", f"Score, {LOWEST} to {HIGHEST}", "Reason"], scores, heading="Assessment")


def _volumes(source: DataSource) -> list[str]:
    return ["" if volume is None else f"{volume:,}" for volume in (source.tokens, source.examples)]


def _cost(page: Report, config: StrategyConfig, sized: Sizing, table: AcceleratorTable) -> None:
    currency = config.limits.currency
    trained, served = training_device(config, table), serving_device(config, table)
    page.table(
        ["Item", "Arithmetic", f"Cost, {currency}"],
        [
            [
                "one training run",
                f"{sized.training_device_hours:.3g} device hours x {trained.hour_price:g}",
                round(sized.training_cost, 2),
            ],
            [
                "a month of serving",
                f"{sized.replicas} replicas x {HOURS_A_MONTH} hours x {served.hour_price:g}",
                round(sized.serving_cost_a_month, 2),
            ],
            ["together", f"budget {config.limits.budget:,.2f}", round(sized.total_cost, 2)],
        ],
        heading="Cost",
    )
    page.text(
        "Assumed, not measured: prices and the shares of the peak that are reached. Figures of "
        f"{' and '.join(dict.fromkeys((trained.name, served.name)))} are those of the table of devices (vendors' data "
        "sheets, assumed prices), but for what the use case gives itself. Replicas run all hours; storage and traffic "
        "are not counted."
    )
