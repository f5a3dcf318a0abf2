"""A model folder loaded as one model, with what customization made of it.

The package that is served is exported from the same folded weights, converted to OpenVINO and often to fewer bits:
quality and speed measured here are those of the fp32 model under transformers, not of the served form.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.core.errors import ModelError
from include.evaluation.soft_prompts import append_rows, embeddings_of, writable

INFO, EXAMPLES = "adapter_info.json", "examples.json"


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model in evaluation mode (fp32), with any adapter folded in.

    `context`: positions it holds, a learned prefix left out; `vocabulary`: tokens it may write; `soft_prompt`: tokens
    to put before every prompt, rows of the embedding table from `vocabulary` on, which it may not write; `examples`:
    questions and answers to put before every question.
    """

    model: Any
    tokenizer: Any
    context: int
    vocabulary: int
    soft_prompt: list[int]
    examples: tuple[tuple[str, str], ...] = ()


def load_model(folder: Path, adapter: Path | None, threads: int) -> LoadedModel:
    """Load a Hugging Face folder, with an adapter of any form where one is given; ModelError where it cannot be.

    Forms, as adapter_info.json names them: lora and soft_prompt are folded into a plain model; prefix stays a PEFT
    model; weights is a folder that takes the model's place; examples go before every question. A PEFT folder without
    adapter_info.json is taken for what its configuration says.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    broken = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)
    form = _form(adapter) if adapter else ""
    weights = adapter if adapter and form == "weights" else folder
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        # fp32: without AMX, bf16 kernels generate several times slower on a CPU
        model = AutoModelForCausalLM.from_pretrained(
            weights, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except broken as error:
        raise _model_error("adapter" if form == "weights" else "model", weights, error) from error
    vocabulary = writable(folder, int(model.get_input_embeddings().weight.shape[0]))
    context = int(model.config.max_position_embeddings)
    soft_prompt: list[int] = []
    examples: tuple[tuple[str, str], ...] = ()
    try:
        if adapter and form == "examples":
            examples = _examples(adapter)
        elif adapter and form != "weights":
            model, soft_prompt, taken = _adapted(model, adapter)
            context -= taken
    except broken as error:
        raise _model_error("adapter", adapter or folder, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return LoadedModel(model.eval(), tokenizer, context, vocabulary, soft_prompt, examples)


def _form(adapter: Path) -> str:
    try:
        info = json.loads((adapter / INFO).read_text(encoding="utf-8")) if (adapter / INFO).exists() else {}
        form = str(info.get("form", ""))
        if form not in ("", "lora", "soft_prompt", "prefix", "weights", "examples"):
            raise ValueError(f"its form {form} is not known")
    except (OSError, ValueError, AttributeError) as error:
        raise _model_error("adapter", adapter, error) from error
    return form


def _examples(adapter: Path) -> tuple[tuple[str, str], ...]:
    rows = json.loads((adapter / EXAMPLES).read_text(encoding="utf-8"))
    return tuple((str(row["question"]), str(row["answer"])) for row in rows)


def _adapted(model: Any, adapter: Path) -> tuple[Any, list[int], int]:
    """The model that computes what `model` with the PEFT `adapter` does, its soft prompt, and positions it takes.

    A soft prompt (prompt tuning, P-tuning) is a few learned input embeddings: as extra rows of the embedding table it
    is a sequence of ordinary tokens to any engine. A prefix is learned keys and values of every layer: no tokens
    stand for it, so that the model stays PEFT's.
    """
    from peft import PeftModel, PromptLearningConfig

    adapted = PeftModel.from_pretrained(model, str(adapter))
    config = adapted.peft_config["default"]
    if not isinstance(config, PromptLearningConfig):
        return adapted.merge_and_unload(), [], 0
    if config.peft_type == "PREFIX_TUNING":
        return adapted, [], int(config.num_virtual_tokens)
    if config.peft_type not in ("PROMPT_TUNING", "P_TUNING"):
        raise ValueError(f"{config.peft_type} is neither a sequence of input embeddings nor a prefix")
    plain = adapted.get_base_model()
    return plain, append_rows(plain, [embeddings_of(adapted)])[0], 0


def _model_error(field: str, folder: Path, error: Exception) -> ModelError:
    return ModelError(
        field,
        folder.name,
        f"it cannot be loaded ({type(error).__name__}: {str(error)[:300]})",
        "Run the step that wrote it again, or choose another",
    )
