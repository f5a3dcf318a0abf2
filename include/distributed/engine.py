"""DeepSpeed's engine for a model and a plan of its training."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.core.errors import ConfigurationError
from include.distributed.kernels import use_kernels
from include.distributed.plan import Plan

__all__ = ["RESOURCES", "Plan", "build_engine", "build_model", "building", "engine_config"]

_FOLDER = Path(__file__).with_name("deepspeed")
# what decides a training step's result beside its modules
RESOURCES = tuple(f"include/distributed/deepspeed/{path.name}" for path in sorted(_FOLDER.glob("*.json")))
_BATCH = "batch and accumulation decide it"
# what a configuration of one's own may not say, and why: DeepSpeed or the plan would win without a word
_OURS = {
    "train_batch_size": _BATCH,
    "train_micro_batch_size_per_gpu": _BATCH,
    "gradient_accumulation_steps": _BATCH,
    "gradient_clipping": "clip decides it",
    "scheduler": "learning_rate, warmup and steps decide the learning rate",
    "fp16": "precision is bf16 or fp32",
    "bf16": "precision decides it",
}


@contextmanager
def building(plan: Plan) -> Iterator[None]:
    """Models that transformers builds or loads inside are divided among the ranks at once, at ZeRO stage 3.

    So no rank ever holds all of one.
    """
    from transformers.integrations import HfDeepSpeedConfig
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    config = _of_plan(plan)
    # transformers looks at it for as long as it lives; DeepSpeed wants some batch to read it
    watched = HfDeepSpeedConfig(config | {"train_micro_batch_size_per_gpu": 1}) if _stage(config) == 3 else None
    try:
        yield
    finally:
        if watched:
            unset_hf_deepspeed_config()


def build_model(shape: Any, plan: Plan) -> Any:
    """A causal language model of a transformers configuration: one seed gives the same weights at every stage.

    It keeps no cache of keys and values, which training has no use for: set `config.use_cache` before saving it.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.initialization import no_init_weights

    torch.manual_seed(plan.seed)
    with building(plan):
        if _stage(_of_plan(plan)) == 3:
            model = AutoModelForCausalLM.from_config(shape)
        else:
            # torch's own first weights would take random numbers that stage 3 does not take
            with no_init_weights():
                model = AutoModelForCausalLM.from_config(shape)
            model.init_weights()
    model.config.use_cache = False
    return model


def build_engine(model: Any, plan: Plan, ranks: int) -> Any:
    """The engine that trains those parameters of `model` that require gradients; the ranks are connected."""
    import deepspeed
    import torch
    from deepspeed.runtime.fp16.unfused_optimizer import FP16_UnfusedOptimizer

    config = engine_config(plan, ranks)
    use_kernels(model, plan)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    engine, *_ = deepspeed.initialize(
        model=model,
        model_parameters=trained,
        config=config,
        lr_scheduler=lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, plan.rate),
    )
    if isinstance(engine.optimizer, FP16_UnfusedOptimizer):
        # bf16 without ZeRO: it has made the state by a step of its own, which decays weights and counts as the first
        engine.optimizer.refresh_fp32_params()
        engine.optimizer.optimizer.state.clear()
    return engine


def engine_config(plan: Plan, ranks: int) -> dict[str, Any]:
    """DeepSpeed's configuration for a plan: its own JSON, or that of its stage and offload, filled in.

    ConfigurationError where the batch does not divide, or the JSON decides what the plan decides.
    """
    parts = ranks * plan.accumulation
    if plan.batch % parts:
        raise ConfigurationError(
            "batch",
            plan.batch,
            f"it does not divide by {ranks} ranks x {plan.accumulation} accumulated parts",
            f"Use a multiple of {parts}",
        )
    return _of_plan(plan) | {
        "train_batch_size": plan.batch,
        "train_micro_batch_size_per_gpu": plan.batch // parts,
        "gradient_accumulation_steps": plan.accumulation,
    }


def _of_plan(plan: Plan) -> dict[str, Any]:
    """All but the batch."""
    import torch

    config = _own(plan.deepspeed) if plan.deepspeed is not None else _of_stage(plan)
    gpu = torch.cuda.is_available()
    config["gradient_clipping"] = plan.clip
    optimizer = config.setdefault("optimizer", {"type": "AdamW", "params": {"torch_adam": True}})
    rates = {"lr": plan.learning_rate, "weight_decay": plan.weight_decay}
    optimizer["params"] = optimizer.get("params", {}) | rates
    if optimizer["params"].get("torch_adam") and gpu:
        optimizer["params"]["fused"] = True
    if plan.precision == "bf16" or (plan.precision == "auto" and gpu):
        config["bf16"] = {"enabled": True}
    return config


def _of_stage(plan: Plan) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((_FOLDER / f"zero{plan.zero}.json").read_text())
    if plan.offload != "none":
        config = _merged(config, json.loads((_FOLDER / f"offload_{plan.offload}.json").read_text()))
    return config


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that was written for DeepSpeed or transformers: `auto` leaves a value to the plan."""
    config: dict[str, Any] = _without_auto(given)
    for name, reason in _OURS.items():
        if _says(config.get(name)):
            raise ConfigurationError(f"deepspeed.{name}", config[name], reason, 'Leave it out, or write "auto"')
        config.pop(name, None)
    return config


def _says(value: Any) -> bool:
    """Whether a value decides anything: one that was `auto` does not, and a part that is switched off does not."""
    return value is not None and not (isinstance(value, Mapping) and not value.get("enabled", bool(value)))


def _without_auto(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_auto(inner) for name, inner in value.items() if inner != "auto"}
    return value


def _merged(base: dict[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    inner = {name: _merged(base[name], value) for name, value in other.items() if isinstance(base.get(name), dict)}
    return base | dict(other) | inner


def _stage(config: Mapping[str, Any]) -> int:
    return int(config.get("zero_optimization", {}).get("stage", 0))
