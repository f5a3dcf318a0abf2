"""The charter as a page that a manager reads, with the arithmetic shown."""

from include.artifacts.report import Report
from include.strategy.config import StrategyConfig
from include.strategy.estimate import Sizing
from include.strategy.sizing import HOURS_A_MONTH

_SIGNS = {"at_most": "at most", "at_least": "at least"}


def charter_page(config: StrategyConfig, sized: Sizing, broken: list[str]) -> Report:
    """The report of a charter; `broken` are the limits that the plan breaks."""
    page = Report("Charter")
    page.text("; ".join(broken) or "The plan stays within its limits.", heading="Verdict")
    page.text(config.problem_or_opportunity, heading="Problem or opportunity")
    page.text(config.goal, heading="Goal")
    page.table(["Objective"], [[objective] for objective in config.objectives], heading="Objectives")
    page.table(
        ["Indicator", "Target", "Required", "Meaning"],
        [
            [item.name, f"{_SIGNS[item.direction]} {item.target:g}", "yes" if item.required else "no", item.description]
            for item in config.indicators
        ],
        heading="Indicators",
    )
    _declared(page, config)
    _training(page, config, sized)
    _serving(page, config, sized)
    _cost(page, config, sized)
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
        ],
        heading="Expected demand",
    )
    page.table(
        ["Source", "Sensitivity", "Content"],
        [[source.name, source.sensitivity, source.description] for source in config.data_sources],
        heading="Data and sensitivity",
    )
    approvers = ", ".join(config.approval.approvers) or "whoever may trigger the DAG"
    page.table(
        ["Limit", "Value"],
        [
            ["licences", ", ".join(limits.licences)],
            ["parameters of the model, at most", f"{limits.max_parameters:,}"],
            ["budget", f"{limits.budget:,.2f} {limits.currency}"],
            ["owner", config.owner],
            ["approval", f"required, by {approvers}" if config.approval.required else "not required"],
        ],
        heading="Limits and ownership",
    )


def _training(page: Report, config: StrategyConfig, sized: Sizing) -> None:
    model, plan = config.model, config.training
    page.table(
        ["ZeRO stage", "GB a device", "Fits", "Sharded over the devices"],
        [
            [
                int(stage),
                round(memory, 3),
                "yes" if memory <= plan.device_memory_gb else "no",
                ("nothing", "optimizer", "optimizer and gradients", "optimizer, gradients and weights")[int(stage)],
            ]
            for stage, memory in sized.training_memory_gb.items()
        ],
        heading="Training: memory",
    )
    page.text(
        f"{model.parameters:,} parameters x (2 bytes of weights + 2 of gradients + 12 of Adam's states), the sharded "
        f"ones divided by {plan.devices} devices of {plan.device_memory_gb:g} GB; the plan uses stage "
        f"{plan.zero_stage}. Activations come on top (ZeRO, Rajbhandari et al. 2020)."
    )
    page.text(
        f"6 x {model.parameters:,} parameters x {plan.tokens:,} tokens = {sized.training_operations:.3g} operations "
        f"(Kaplan et al. 2020); / ({plan.devices} devices x {plan.device_teraflops:g} x 10^12 a second x "
        f"{plan.utilization:.0%} utilization) = {sized.training_seconds:,.0f} seconds, "
        f"{sized.training_device_hours:.3g} device hours. A full training run is counted; tuning an adapter takes "
        "less memory and no more time.",
        heading="Training: time",
    )


def _serving(page: Report, config: StrategyConfig, sized: Sizing) -> None:
    model, demand = config.model, config.demand
    length = demand.prompt_tokens + demand.answer_tokens
    page.text(
        f"Weights: {model.parameters:,} x {model.weight_bytes:g} bytes = {sized.weights_gb:.3f} GB. KV cache: "
        f"2 x {model.layers} layers x {model.key_value_heads} heads x {model.head_size} values x "
        f"{model.cache_bytes:g} bytes = {sized.cache_kb_a_token:.2f} kB a token; x {length} tokens x "
        f"{sized.streams_a_replica} streams = {sized.cache_gb:.3f} GB. One replica: "
        f"{sized.serving_memory_gb:.3f} GB of {config.serving.replica_memory_gb:g} GB.",
        heading="Serving: memory",
    )
    page.text(
        f"Peak: {demand.requests_a_day:,} questions x {demand.peak_factor:g} / 86,400 s = "
        f"{sized.peak_requests_per_second:.3g} a second. Concurrent users: {demand.concurrent_users} within "
        f"{demand.latency_seconds:g} s = {demand.concurrent_users / demand.latency_seconds:.3g} a second. The larger x "
        f"{demand.answer_tokens} tokens = {sized.demanded_tokens_per_second:.3g} tokens a second; / "
        f"{config.serving.replica_tokens_per_second:g} a replica, rounded up = {sized.replicas}.",
        heading="Serving: replicas",
    )


def _cost(page: Report, config: StrategyConfig, sized: Sizing) -> None:
    currency = config.limits.currency
    page.table(
        ["Item", "Arithmetic", f"Cost, {currency}"],
        [
            [
                "one training run",
                f"{sized.training_device_hours:.3g} device hours x {config.training.device_hour_price:g}",
                round(sized.training_cost, 2),
            ],
            [
                "a month of serving",
                f"{sized.replicas} replicas x {HOURS_A_MONTH} hours x {config.serving.replica_hour_price:g}",
                round(sized.serving_cost_a_month, 2),
            ],
            ["together", f"budget {config.limits.budget:,.2f}", round(sized.total_cost, 2)],
        ],
        heading="Cost",
    )
    page.text(
        "Assumed, not measured: the prices, the utilization and the tokens a second of a replica, all as declared "
        "under strategy in the use case. Replicas run all hours; storage and traffic are not counted."
    )
