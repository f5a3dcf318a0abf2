"""The model that is customized, as a trainer takes it."""

import json
from pathlib import Path
from typing import Any

from include.core.errors import ConfigurationError, ModelError
from include.customization.config import TuningConfig


def require_room(config_folder: Path, config: TuningConfig) -> None:
    """ConfigurationError where a sequence would be longer than the model of config.json has positions."""
    positions = json.loads((config_folder / "config.json").read_text()).get("max_position_embeddings")
    taken = getattr(config, "virtual_tokens", 0)
    if positions and config.length + taken > positions:
        beside = f" and {taken} virtual tokens" if taken else ""
        raise ConfigurationError(
            "length",
            config.length,
            f"the model has {positions} positions, too few for sequences of {config.length} tokens{beside}",
            f"Use at most {positions - taken}",
        )


def load_base(folder: Path, *, four_bits: bool = False) -> tuple[Any, Any]:
    """Model and tokenizer of a Hugging Face folder; ModelError where they cannot be loaded."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    # a CPU without AMX or AVX-512 takes sixteen times as long for a step in bf16, as which models are stored
    dtype = "auto" if torch.cuda.is_available() else torch.float32
    more = {"quantization_config": _four_bits()} if four_bits else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype, **more
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            "model",
            folder.name,
            f"it cannot be loaded ({type(error).__name__}: {str(error)[:200]})",
            "Run the step that wrote it with force_rerun",
        ) from error
    # rows are cut where they are made, so that longer texts are no reason to warn
    tokenizer.model_max_length = 1 << 30
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def _four_bits() -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    compute = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute,
    )
