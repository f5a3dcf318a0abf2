"""The charter's pages on training, serving and what other devices would take, with the arithmetic."""

from include.artifacts.report import Report
from include.strategy.accelerators import AcceleratorTable, serving_device, training_device
from include.strategy.config import ModelPlan, StrategyConfig
from include.strategy.estimate import Sizing, size
from include.strategy.fitting import RESERVED, MemoryOption, fewest
from include.strategy.memory import FAR_SHAPE, largest_layer, shape_parameters
from include.strategy.sizing import attention_share

# a prediction that is off by less is no worse than its utilization
UNCOUNTED = 0.25
_MOVED = {"none": "", "optimizer": "; optimizer on the host", "all": "; weights and optimizer on the host"}
_SHARDED = ("nothing", "optimizer", "optimizer, gradients", "optimizer, gradients, weights")


def training(page: Report, config: StrategyConfig, sized: Sizing, table: AcceleratorTable) -> None:
    """Which layouts fit, and how long a run takes."""
    model, plan, device = config.model, config.training, training_device(config, table)
    counts = sorted({option.devices for option in sized.training_options})
    layouts: dict[str, dict[int, MemoryOption]] = {}
    for option in sized.training_options:
        name = f"{option.stage}: shards {_SHARDED[option.stage]}{_MOVED[option.offload]}"
        layouts.setdefault(name, {})[option.devices] = option
    page.table(
        ["ZeRO stage", *(f"{count} device{'s' if count > 1 else ''}" for count in counts)],
        [[name, *(_cell(row[count]) for count in counts)] for name, row in layouts.items()],
        heading="Training: memory of a device",
    )
    page.text(sized.training_advice)
    expected = shape_parameters(model)
    if not 1 / FAR_SHAPE <= model.parameters / expected <= FAR_SHAPE:
        page.text(
            f"Warning: strategy.model.parameters is {model.parameters:,}, and the declared shape ({model.layers} "
            f"layers of width {model.hidden_size}, {model.vocabulary:,} tokens) is that of about {expected:,}: one is "
            "wrong."
        )
    page.text(
        f"{model.parameters:,} parameters x (2 bytes of weights + 2 and 4 of gradients + 12 of Adam's states) as "
        f"DeepSpeed's own estimators count, the sharded ones divided by the devices (ZeRO, Rajbhandari et al. 2020); "
        f"stage 3 lets go of the 2 of gradients, and gathers a layer of {largest_layer(model):,} x 4 bytes; "
        f"activations {sized.activations_gb:.3g} GB for {plan.micro_batch} sequences of {plan.sequence_length} tokens "
        f"with {plan.recompute} recomputed (Korthikanti et al. 2022). It fits within {1 - RESERVED:.0%} of "
        f"{device.memory_gb:g} GB; what is offloaded has to fit the host, {device.host_memory_gb:g} GB a device."
    )
    factor = 8 if plan.recompute == "all" else 6
    page.text(
        f"{factor} x {model.parameters:,} parameters x {plan.tokens:,} tokens = {sized.training_operations:.3g} "
        f"operations (Kaplan et al. 2020); / ({plan.devices} devices x {device.tflops:g} x 10^12 a second x "
        f"{plan.utilization:.0%} utilization) = {sized.training_seconds:,.0f} seconds, "
        f"{sized.training_device_hours:.3g} device hours. A full training run is counted; tuning an adapter takes "
        "less memory and no more time.",
        heading="Training: time",
    )
    _long(page, model, plan.sequence_length, "strategy.training.sequence_length")


def _long(page: Report, model: ModelPlan, length: int, field: str) -> None:
    """A warning where attention, which is not counted, takes much of the time."""
    share = attention_share(model.parameters, model.layers, model.attention_heads * model.head_size, length)
    if share > UNCOUNTED:
        page.text(
            f"Warning: with {field} {length:,}, attention computes {share:.0%} more than is counted here: "
            f"{model.layers} layers x {model.attention_heads} heads x {model.head_size} values x {length:,} tokens / "
            f"{model.parameters:,} parameters (Chowdhery et al. 2022). Time and cost are more by as much."
        )


def _cell(option: MemoryOption) -> str:
    return f"{option.device_gb:.3g} GB, {'fits' if option.fits else 'does not fit'}"


def serving(page: Report, config: StrategyConfig, sized: Sizing, table: AcceleratorTable) -> None:
    """Memory, latency and number of the replicas."""
    model, demand, device = config.model, config.demand, serving_device(config, table)
    length = demand.prompt_tokens + demand.answer_tokens
    page.text(
        f"Weights: {model.parameters:,} x {model.weight_bytes:g} bytes = {sized.weights_gb:.3f} GB. KV cache: "
        f"2 x {model.layers} layers x {model.key_value_heads} heads x {model.head_size} values x "
        f"{model.cache_bytes:g} bytes = {sized.cache_kb_a_token:.2f} kB a token; x {length} tokens x "
        f"{sized.streams_a_replica} streams = {sized.cache_gb:.3f} GB. One replica: "
        f"{sized.serving_memory_gb:.3f} GB of {device.memory_gb:g} GB.",
        heading="Serving: memory",
    )
    _latency(page, config, sized, table)
    arrivals = (
        f"Peak: {demand.requests_a_day:,} questions x {demand.peak_factor:g} / 86,400 s = "
        f"{sized.peak_requests_per_second:.3g} a second. "
    )
    page.text(
        arrivals + (_as_measured if sized.replica_measured else _as_predicted)(config, sized), "Serving: replicas"
    )


def _as_measured(config: StrategyConfig, sized: Sizing) -> str:
    demand = config.demand
    return (
        f"Concurrent users: {demand.concurrent_users} within {demand.latency_seconds:g} s = "
        f"{demand.concurrent_users / demand.latency_seconds:.3g} a second. The larger x {demand.answer_tokens} tokens "
        f"= {sized.demanded_tokens_per_second:.3g} tokens a second; / {sized.replica_tokens_per_second:.3g} a replica, "
        f"as measured, rounded up = {sized.replicas}, with up to {sized.streams_a_replica} at once on each."
    )


def _as_predicted(config: StrategyConfig, sized: Sizing) -> str:
    demand = config.demand
    rounds = max(1, int(demand.latency_seconds // sized.batch_seconds))
    return (
        f"A replica writes {sized.batch} at once in {sized.batch_seconds:.3g} s ({rounds} x within "
        f"{demand.latency_seconds:g} s), {sized.replica_tokens_per_second:.3g} tokens a second. For "
        f"{demand.concurrent_users} users at once: {demand.concurrent_users} / ({sized.batch} x {rounds}); for the "
        f"peak: {sized.peak_requests_per_second:.3g} x {sized.batch_seconds:.3g} s / {sized.batch}. The larger, "
        f"rounded up = {sized.replicas}, with up to {sized.streams_a_replica} at once on each. Questions of the peak "
        "are taken to come evenly: where they come in bursts, strategy.demand.peak_factor has to be that of a burst."
    )


def _latency(page: Report, config: StrategyConfig, sized: Sizing, table: AcceleratorTable) -> None:
    model, demand, plan, device = config.model, config.demand, config.serving, serving_device(config, table)
    page.table(
        ["Predicted", "Value"],
        [
            ["seconds to the first token, at most", round(sized.first_token_seconds, 4)],
            ["seconds a token after it", round(sized.token_seconds, 5)],
            ["seconds of a whole answer", round(sized.answer_seconds, 3)],
            ["tokens a second of one answer alone", round(sized.one_stream_tokens_per_second, 1)],
            ["answers at once that fit the memory", sized.streams_that_fit],
            [f"answers at once that end in time (of {plan.max_streams} at most)", sized.streams_in_time],
        ],
        heading="Serving: latency",
    )
    page.text(
        f"At {sized.streams_a_replica} answers at once. First token: 2 x parameters x {demand.prompt_tokens} tokens of "
        f"each prompt / ({device.tflops:g} x 10^12 a second x {plan.compute_utilization:.0%}). A token: the larger of "
        f"weights and caches / ({device.bandwidth_gbs:g} GB a second x {plan.bandwidth_utilization:.0%}), and 2 x "
        f"parameters x answers / the operations (Pope et al. 2022)."
    )
    _long(page, model, demand.prompt_tokens, "strategy.demand.prompt_tokens")


def alternatives(page: Report, config: StrategyConfig, table: AcceleratorTable) -> None:
    """What the same demand takes on every type of the table; nothing where its prices are in another currency."""
    if config.limits.currency != table.currency:
        return
    page.table(
        [
            "Device",
            "Training: fewest that fit",
            "Hours",
            f"Cost, {table.currency}",
            "Serving: replicas",
            f"A month, {table.currency}",
        ],
        [_alternative(config, name, table) for name in table.accelerators],
        heading="On other devices",
    )
    page.text("At the table's figures and the declared shares of the peak; serving on as many devices a replica.")


def _alternative(config: StrategyConfig, name: str, table: AcceleratorTable) -> list[object]:
    """A row: the plan on another type, without the figures of its own."""
    own = {"device_memory_gb": None, "host_memory_gb": None, "device_teraflops": None, "device_hour_price": None}
    training = config.training.model_copy(update={"device": name, **own})
    measured = {"replica_tokens_per_second": None, "replica_bandwidth_gbs": None, "replica_teraflops": None}
    priced = {"replica_memory_gb": None, "replica_hour_price": None}
    serving = config.serving.model_copy(update={"device": name, **measured, **priced})
    moved = config.model_copy(update={"training": training, "serving": serving})
    found = fewest(moved, training_device(moved, table))
    count = found.devices if found else training.devices
    sized = size(moved.model_copy(update={"training": training.model_copy(update={"devices": count})}), table)
    trained: list[object] = ["does not fit", "", ""]
    if found:
        layout = f"{found.devices} at stage {found.stage}{_MOVED[found.offload]}"
        trained = [layout, f"{sized.training_seconds / 3600:.3g}", round(sized.training_cost, 2)]
    if sized.streams_that_fit and sized.streams_in_time:
        return [name, *trained, sized.replicas, round(sized.serving_cost_a_month, 2)]
    return [name, *trained, "too slow" if sized.streams_that_fit else "too little memory", ""]
