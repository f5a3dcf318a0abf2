"""A model's chat template, rendered in a sandbox: it comes with the model, and is foreign code."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any


def render_chat(template: str, messages: Sequence[dict[str, str]], bos_token: str, eos_token: str) -> str:
    """A conversation as text up to where the answer starts; jinja2's TemplateError where the template refuses it."""
    text: str = _compiled(template).render(
        messages=messages, add_generation_prompt=True, bos_token=bos_token, eos_token=eos_token
    )
    return text


@lru_cache(maxsize=32)
def _compiled(text: str) -> Any:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    return environment.from_string(text)
