"""How a question becomes tokens: one way for training, evaluation and serving."""

from typing import Any

from include.core.errors import ModelError


def prompt_ids(tokenizer: Any, question: str) -> list[int]:
    """Tokens of `question` in the model's chat template, up to where the answer starts.

    `tokenizer` is a transformers tokenizer with a chat template; ModelError where it has none.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            "chat_template",
            None,
            "the tokenizer has no chat template",
            "Save one in the model's tokenizer_config.json",
        )
    encoded = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return [int(token) for token in encoded["input_ids"]]


def answer_ids(tokenizer: Any, answer: str) -> list[int]:
    """Tokens of an answer, with the end token that stops generation."""
    encoded = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [int(token) for token in encoded] + [int(tokenizer.eos_token_id)]
