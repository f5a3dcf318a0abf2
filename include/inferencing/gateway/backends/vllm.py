"""Packages of Triton's vLLM backend: it takes a raw prompt, so that the chat template is rendered here."""

import re
from typing import Any

from include.inferencing.chat_template import render_chat
from include.inferencing.gateway.backends import Failure, Piece, json_input, number_of, text_input, text_of
from include.inferencing.gateway.errors import ApiError, refused
from include.inferencing.gateway.question import Question

# longer text cannot fit its tokens; packages of the other engine refuse by the same number
CHARACTERS_PER_TOKEN = 64
SOFT_PROMPT = re.compile(r"<\|prompt:[^|]*\|>")
# what vLLM says of requests that are wrong, and would be on every server
TOO_LONG = re.compile(r"longer than the maximum model length|maximum context length", re.IGNORECASE)
PARAMETERS = r"n|temperature|top_p|top_k|min_p|seed|stop|(?:presence|frequency|repetition)_penalty|(?:max|min)_tokens"
INVALID = re.compile(
    rf"\b(?:{PARAMETERS}) (?:must be|cannot|has to be|should)|decoder prompt cannot be empty|out of vocabulary"
)


class Vllm:
    """A prompt, and SamplingParams as JSON."""

    def inputs(self, question: Question, adapter: str, info: dict[str, Any]) -> list[Any]:
        """The rendered prompt, streamed, with the counts that usage needs."""
        prefix, lora = _adapter(adapter, info)
        prompt = render(question.messages, info) if question.chat else question.prompt
        _check(prompt, "messages" if question.chat else "prompt", info)
        # greedy unless asked for, as packages of the other engine are
        parameters = {"temperature": 0.0, "max_tokens": info["limits"]["max_new_tokens"]} | question.parameters
        if lora:
            parameters["lora_name"] = lora
        if info.get("logit_bias"):
            parameters["logit_bias"] = info["logit_bias"]
        flags = ("stream", "exclude_input_in_output", "return_finish_reason")
        counts = ("return_num_input_tokens", "return_num_output_tokens")
        wanted = [_flag(name) for name in (*flags, *counts)]
        return [text_input("text_input", prefix + prompt), json_input("sampling_parameters", parameters), *wanted]

    def piece(self, outputs: dict[str, bytes]) -> Piece:
        """Text and tokens since the last response."""
        ended = text_of(outputs["finish_reason"]) if "finish_reason" in outputs else ""
        return Piece(
            text_of(outputs["text_output"]),
            number_of(outputs["num_output_tokens"]),
            number_of(outputs["num_input_tokens"]),
            "" if ended == "None" else ended,
        )

    def failure(self, message: str) -> Failure | None:
        """vLLM's errors have no code: its wording tells a wrong request from a server that failed."""
        if TOO_LONG.search(message):
            return Failure("prompt_too_long", message)
        return Failure("invalid_request", message) if INVALID.search(message) else None


def _adapter(name: str, info: dict[str, Any]) -> tuple[str, str | None]:
    """Prefix and LoRA of an adapter, or the package's own; never one of each."""
    if not name:
        return info.get("prompt_prefix", ""), info.get("default_adapter")
    chosen = info.get("adapters", {}).get(name, {})
    return chosen.get("prompt_prefix", ""), None if chosen.get("form") == "soft_prompt" else name


def _check(prompt: str, where: str, info: dict[str, Any]) -> None:
    """ApiError 400 where the prompt cannot fit, or names a soft prompt: its tokens are text that anybody can write."""
    most = info["limits"].get("max_prompt_tokens")
    if most and len(prompt) > CHARACTERS_PER_TOKEN * most:
        told = f"The prompt has many more than {most} tokens, the most that this model reads."
        raise ApiError(400, told, param=where, code="context_length_exceeded")
    if SOFT_PROMPT.search(prompt):
        raise refused(f"'{where}' names tokens of a soft prompt: choose one by the model's name.", where)


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
    conversation = messages[:first] + shown + messages[first:]
    try:
        return render_chat(info["chat_template"], conversation, info.get("bos_token", ""), info.get("eos_token", ""))
    except TemplateError as error:
        raise refused(f"The model's chat template refuses these messages: {error}", "messages") from None


def harmless(text: str, info: dict[str, Any]) -> str:
    """A user's text with its special tokens split: it cannot end its own turn, nor name another tenant's prompt."""
    for token in info.get("special_tokens", ()):
        if len(token) > 1 and token in text:
            text = text.replace(token, f"{token[0]}\u200b{token[1:]}")
    return text
