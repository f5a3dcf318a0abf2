"""From what was asked to the tokens the model reads: examples, chat template, adapter."""

from typing import Any, NamedTuple

import numpy as np

from .asked import Asked, check_length, refused

DEFAULT = "default"
SPLIT = "\u200b"  # a space of no width inside what would be read as a special token


class Prompt(NamedTuple):
    """Tokens of shape (1, n), and what is added to each token of this request: the choice of its LoRA."""

    tokens: Any
    shift: int


class Prompts:
    """Builds prompts as limits.json says."""

    def __init__(self, tokenizer: Any, limits: dict[str, Any]) -> None:
        self.tokenizer, self.limits = tokenizer, limits
        self.adapters: dict[str, dict[str, Any]] = limits.get("adapters", {})
        self.examples = [
            {"role": role, "content": text}
            for turn in limits["examples"]
            for role, text in zip(("user", "assistant"), turn, strict=True)
        ]

    def build(self, asked: Asked) -> Prompt:
        """RequestError where the adapter is not known, the template refuses, or the prompt is too long."""
        name = asked.adapter or (DEFAULT if DEFAULT in self.adapters else "")
        if name and name not in self.adapters:
            raise refused("adapter", f"{name[:60]!r} is not served by this model")
        adapter = self.adapters.get(name, {})
        text = asked.text if asked.messages is None else self._render(asked.messages)
        ids = self.tokenizer.encode(text, add_special_tokens=False).input_ids.data.astype(np.int64)
        if ids.size and ids.max() >= self.limits.get("first_barred", ids.max() + 1):
            raise refused("text_input", "it names tokens of a soft prompt: choose one by the input adapter")
        soft = np.array([adapter.get("prompt", self.limits["soft_prompt"])], dtype=np.int64)
        shift = int(adapter.get("number", 0)) * int(self.limits.get("rows", 0))
        tokens = np.concatenate([soft, ids], axis=1) + shift
        check_length(tokens.shape[1], self.limits)
        return Prompt(tokens, shift)

    def _render(self, messages: list[dict[str, str]]) -> str:
        plain = [message | {"content": self._harmless(message["content"])} for message in messages]
        lead = next((at for at, message in enumerate(plain) if message["role"] != "system"), 0)
        try:
            whole = [*plain[:lead], *self.examples, *plain[lead:]]
            return str(self.tokenizer.apply_chat_template(whole, add_generation_prompt=True))
        except RuntimeError as error:
            raise refused("messages", f"the chat template refuses them: {str(error)[-200:]}") from None

    def _harmless(self, text: str) -> str:
        """A user's text cannot end its own turn, nor name another tenant's prompt."""
        for token in self.limits.get("special_tokens", ()):
            if len(token) > 1 and token in text:
                text = text.replace(token, token[0] + SPLIT + token[1:])
        return text
