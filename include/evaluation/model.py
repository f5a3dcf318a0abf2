"""A model folder loaded as one plain model, with any adapter folded in.

The package that is served is exported from the same folded weights, converted to OpenVINO and often to fewer bits:
quality and speed measured here are those of the fp32 model under transformers, not of the served form.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.core.errors import ModelError


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model in evaluation mode (fp32), with any adapter folded in.

    `context`: positions it holds; `vocabulary`: tokens it may write; `soft_prompt`: tokens to put before every
    prompt, rows of the embedding table from `vocabulary` on, which it may not write.
    """

    model: Any
    tokenizer: Any
    context: int
    vocabulary: int
    soft_prompt: list[int]


def load_model(folder: Path, adapter: Path | None, threads: int) -> LoadedModel:
    """Load a Hugging Face folder, with a PEFT adapter where one is given; ModelError where it cannot be loaded."""
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(threads)
    broken = (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        # fp32: without AMX, bf16 kernels generate several times slower on a CPU
        model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    except broken as error:
        raise _model_error("model", folder, error) from error
    vocabulary = int(model.get_input_embeddings().weight.shape[0])
    soft_prompt: list[int] = []
    if adapter:
        try:
            model, soft_prompt = _fold(model, adapter)
        except broken as error:
            raise _model_error("adapter", adapter, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    context = int(model.config.max_position_embeddings)
    return LoadedModel(model.eval(), tokenizer, context, vocabulary, soft_prompt)


def _fold(model: Any, adapter: Path) -> tuple[Any, list[int]]:
    """The plain model that computes what `model` with the PEFT `adapter` does, and its soft prompt.

    A soft prompt (prompt tuning, P-tuning) is a few learned input embeddings: as extra rows of the
    embedding table it is a sequence of ordinary tokens to any engine.
    """
    import torch
    from peft import PeftModel, PromptLearningConfig

    adapted = PeftModel.from_pretrained(model, str(adapter))
    config = adapted.peft_config["default"]
    if not isinstance(config, PromptLearningConfig):
        return adapted.merge_and_unload(), []
    if config.peft_type not in ("PROMPT_TUNING", "P_TUNING"):
        raise ValueError(f"{config.peft_type} is no sequence of input embeddings")
    prompt = adapted.get_prompt(batch_size=1)[0].detach()
    plain = adapted.get_base_model()
    rows, count = int(plain.get_input_embeddings().weight.shape[0]), int(prompt.shape[0])
    plain.resize_token_embeddings(rows + count, mean_resizing=False)
    with torch.no_grad():
        plain.get_input_embeddings().weight[rows:] = prompt.to(plain.dtype)
    return plain, list(range(rows, rows + count))


def _model_error(field: str, folder: Path, error: Exception) -> ModelError:
    return ModelError(
        field,
        folder.name,
        f"it cannot be loaded ({type(error).__name__}: {str(error)[:300]})",
        "Run the step that wrote it again, or choose another",
    )
