"""What a reward model, trained on preferences, says of an answer."""

import logging
from pathlib import Path
from typing import Any

from include.core.errors import ModelError
from include.customization.rewards.sample import Reward, Sample
from include.evaluation.prompt import answer_ids, prompt_ids


def load_scorer(base: Path, dtype: Any) -> tuple[Any, Any]:
    """A model that scores texts, with a head of random weights, and its tokenizer; ModelError where it cannot be."""
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    # that the head is new is no news
    logging.getLogger("transformers.modeling_utils").setLevel(logging.ERROR)
    try:
        tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            base, local_files_only=True, use_safetensors=True, num_labels=1, dtype=dtype
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _model_error("model", base, error) from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def load_reward_model(base: Path, adapter: Path) -> Reward:
    """The reward of the adapter that train_reward_model wrote: the sigmoid of its score.

    ModelError where it cannot be loaded.
    """
    import torch
    from peft import PeftModel
    from safetensors import SafetensorError

    model, tokenizer = load_scorer(base, torch.float32)
    try:
        scorer = PeftModel.from_pretrained(model, str(adapter)).eval()
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _model_error("reward_model", adapter, error) from error
    longest = int(model.config.max_position_embeddings)

    def reward_model(sample: Sample) -> float:
        ids = (prompt_ids(tokenizer, sample.question) + answer_ids(tokenizer, sample.answer))[-longest:]
        with torch.inference_mode():
            score = scorer(input_ids=torch.tensor([ids], device=scorer.device)).logits[0, 0]
        return float(torch.sigmoid(score.float()))

    return reward_model


def _model_error(field: str, folder: Path, error: Exception) -> ModelError:
    return ModelError(
        field,
        folder.name,
        f"it cannot be loaded ({type(error).__name__}: {str(error)[:200]})",
        "Run the step that wrote it with force_rerun",
    )
