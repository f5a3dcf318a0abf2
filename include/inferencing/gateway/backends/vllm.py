"""Packages of Triton's vLLM backend: it takes a raw prompt, so that the chat template is rendered here."""

from functools import lru_cache
from typing import Any

from include.inferencing.gateway.backends import Piece, json_input, number_of, text_input, text_of
from include.inferencing.gateway.errors import refused
from include.inferencing.gateway.question import Question


class Vllm:
    """A prompt, and SamplingParams as JSON."""

    def inputs(self, question: Question, adapter: str, info: dict[str, Any]) -> list[Any]:
        """The rendered prompt, streamed, with the counts that usage needs."""
        chosen = info.get("adapters", {}).get(adapter, {})
        prefix = chosen.get("prompt_prefix", info.get("prompt_prefix", ""))
        prompt = prefix + (render(question.messages, info) if question.chat else question.prompt)
        # greedy unless asked for, as packages of the other engine are
        parameters = {"temperature": 0.0, "max_tokens": info["limits"]["max_new_tokens"]} | question.parameters
        lora = info.get("default_adapter") if not adapter or chosen.get("form") == "soft_prompt" else adapter
        if lora:
            parameters["lora_name"] = lora
        if info.get("logit_bias"):
            parameters["logit_bias"] = info["logit_bias"]
        flags = ("stream", "exclude_input_in_output", "return_finish_reason")
        counts = ("return_num_input_tokens", "return_num_output_tokens")
        wanted = [_flag(name) for name in (*flags, *counts)]
        return [text_input("text_input", prompt), json_input("sampling_parameters", parameters), *wanted]

    def piece(self, outputs: dict[str, bytes]) -> Piece:
        """Text and tokens since the last response."""
        ended = text_of(outputs["finish_reason"]) if "finish_reason" in outputs else ""
        return Piece(
            text_of(outputs["text_output"]),
            number_of(outputs["num_output_tokens"]),
            number_of(outputs["num_input_tokens"]),
            "" if ended == "None" else ended,
        )


def _flag(name: str) -> Any:
    import numpy as np
    import tritonclient.grpc.aio as grpc

    tensor = grpc.InferInput(name, [1], "BOOL")
    tensor.set_data_from_numpy(np.array([True]))
    return tensor


def render(messages: list[dict[str, str]], info: dict[str, Any]) -> str:
    """The package's chat template around its examples and `messages`; ApiError 400 where it refuses them."""
    from jinja2.exceptions import TemplateError

    shown = [
        {"role": role, "content": text}
        for asked, answered in info.get("examples", ())
        for role, text in (("user", asked), ("assistant", answered))
    ]
    messages = [message | {"content": harmless(message["content"], info)} for message in messages]
    # a system message stays first
    first = 1 if messages[0]["role"] == "system" else 0
    values = {"bos_token": info.get("bos_token", ""), "eos_token": info.get("eos_token", "")}
    try:
        text: str = _template(info["chat_template"]).render(
            messages=messages[:first] + shown + messages[first:], add_generation_prompt=True, **values
        )
    except TemplateError as error:
        raise refused(f"The model's chat template refuses these messages: {error}", "messages") from None
    return text


def harmless(text: str, info: dict[str, Any]) -> str:
    """A user's text with its special tokens split: it cannot end its own turn, nor name another tenant's prompt."""
    for token in info.get("special_tokens", ()):
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
    return text


@lru_cache(maxsize=32)
def _template(text: str) -> Any:
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = refuse
    return environment.from_string(text)
