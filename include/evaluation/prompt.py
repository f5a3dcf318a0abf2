"""How a question becomes tokens: one way for training, evaluation and serving."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from include.core.errors import ModelError

if TYPE_CHECKING:
    from include.evaluation.model import LoadedModel


def prompt_ids(tokenizer: Any, question: str, examples: Sequence[tuple[str, str]] = ()) -> list[int]:
    """Tokens of `question` in the model's chat template, up to where the answer starts.

    `tokenizer` is a transformers tokenizer with a chat template, ModelError where it has none; `examples` are questions
    and answers that go before, as turns of the same conversation.
    """
    if not tokenizer.chat_template:
        raise ModelError(
            "chat_template",
            None,
            "the tokenizer has no chat template",
            "Save one in the model's tokenizer_config.json",
        )
    encoded = tokenizer.apply_chat_template(
        conversation(question, examples), add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return [int(token) for token in encoded["input_ids"]]


def conversation(question: str, examples: Sequence[tuple[str, str]] = ()) -> list[dict[str, str]]:
    """The messages of `question`, with `examples` as the turns before it."""
    return [*turns_of(examples), {"role": "user", "content": question}]


def turns_of(examples: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Questions and answers as turns of a conversation."""
    roles = ("user", "assistant")
    return [{"role": role, "content": text} for pair in examples for role, text in zip(roles, pair, strict=True)]


def answer_ids(tokenizer: Any, answer: str) -> list[int]:
    """Tokens of an answer, with the end token that stops generation."""
    encoded = tokenizer(answer, add_special_tokens=False)["input_ids"]
    return [int(token) for token in encoded] + [int(tokenizer.eos_token_id)]


def prompt_of(loaded: "LoadedModel", question: str, limit: int, room: int) -> list[int]:
    """What goes before an answer of up to `room` tokens: the soft prompt, the examples, the question.

    A question over `limit` tokens loses its beginning, and has no examples; of the examples, the last ones stay that
    the context has room for.
    """
    prompt = prompt_ids(loaded.tokenizer, question)
    if len(prompt) > limit:
        return loaded.soft_prompt + prompt[-limit:]
    most = loaded.context - len(loaded.soft_prompt) - room
    for first in range(len(loaded.examples)):
        longer = prompt_ids(loaded.tokenizer, question, loaded.examples[first:])
        if len(longer) <= most:
            return loaded.soft_prompt + longer
    return loaded.soft_prompt + prompt
