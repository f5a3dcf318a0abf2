"""What each supervised technique trains of a model."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from include.customization.config import (
    ContinuedPretrainingConfig,
    LowRankConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    TuningConfig,
)

CAUSAL = "CAUSAL_LM"


def adapt(model: Any, tokenizer: Any, config: TuningConfig) -> Any:
    """The model with those parameters left to train that the technique of `config` trains."""
    return _TECHNIQUES[config.technique](model, tokenizer, config)


def _full(model: Any, _: Any, __: TuningConfig) -> Any:
    return model


def _lora(model: Any, _: Any, config: LowRankConfig) -> Any:
    import peft

    if config.technique == "qlora":
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=config.recompute)
    return peft.get_peft_model(
        model,
        peft.LoraConfig(
            task_type=CAUSAL,
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules="all-linear",
            use_dora=config.technique == "dora",
        ),
    )


def _prompt_tuning(model: Any, tokenizer: Any, config: PromptTuningConfig) -> Any:
    import peft
    import torch

    adapted = peft.get_peft_model(
        model, peft.PromptTuningConfig(task_type=CAUSAL, num_virtual_tokens=config.virtual_tokens)
    )
    ids = tokenizer(config.start, add_special_tokens=False)["input_ids"]
    repeated = (ids * (config.virtual_tokens // len(ids) + 1))[: config.virtual_tokens]
    words = adapted.get_base_model().get_input_embeddings().weight[repeated].detach()
    with torch.no_grad():
        adapted.prompt_encoder["default"].embedding.weight.copy_(words)
    return adapted


def _p_tuning(model: Any, _: Any, config: PTuningConfig) -> Any:
    import peft

    settings = peft.PromptEncoderConfig(
        task_type=CAUSAL, num_virtual_tokens=config.virtual_tokens, encoder_hidden_size=config.hidden_size
    )
    return peft.get_peft_model(model, settings)


def _prefix_tuning(model: Any, _: Any, config: PrefixTuningConfig) -> Any:
    import peft

    return peft.get_peft_model(
        model, peft.PrefixTuningConfig(task_type=CAUSAL, num_virtual_tokens=config.virtual_tokens)
    )


def _continued_pretraining(model: Any, _: Any, config: ContinuedPretrainingConfig) -> Any:
    """The embeddings, an output layer tied to them included, and the first layers stay as they are."""
    layers = model.get_decoder().layers
    kept = round(config.frozen_layers * len(layers))
    for module in (model.get_input_embeddings(), *layers[:kept]):
        module.requires_grad_(False)
    return model


_TECHNIQUES: Mapping[str, Callable[[Any, Any, Any], Any]] = MappingProxyType(
    {
        "full": _full,
        "lora": _lora,
        "dora": _lora,
        "qlora": _lora,
        "prompt_tuning": _prompt_tuning,
        "p_tuning": _p_tuning,
        "prefix_tuning": _prefix_tuning,
        "continued_pretraining": _continued_pretraining,
    }
)
