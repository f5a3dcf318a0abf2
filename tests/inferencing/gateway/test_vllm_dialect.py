"""What the gateway asks of vLLM's backend, what it keeps from it, and what it makes of its errors."""

from typing import Any

import pytest

from include.inferencing.gateway.attempt import failure_of
from include.inferencing.gateway.backends import dialect_of
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.question import Question

INFO: dict[str, Any] = {
    "engine": "vllm",
    "limits": {"max_prompt_tokens": 16, "max_new_tokens": 8},
    "chat_template": "{% for one in messages %}{{ one.content }}{% endfor %}",
    "prompt_prefix": "<|prompt:default:0|>",
    "default_adapter": "default",
    "adapters": {
        "acme": {"form": "soft_prompt", "prompt_prefix": "<|prompt:acme:0|>"},
        "bolt": {"form": "lora"},
    },
    "special_tokens": ["<|prompt:acme:0|>"],
}
VLLM = dialect_of("vllm")


def asked(adapter: str, prompt: str = "Why?", *, chat: bool = False) -> tuple[str, str]:
    question = Question("m", chat, messages=[{"role": "user", "content": prompt}], prompt=prompt)
    inputs = {one.name(): one._get_content() for one in VLLM.inputs(question, adapter, INFO)[:2]}
    return inputs["text_input"].decode()[4:], inputs["sampling_parameters"].decode()


@pytest.mark.parametrize(
    ("adapter", "prompt", "lora"),
    [
        ("", "<|prompt:default:0|>Why?", '"lora_name": "default"'),
        ("acme", "<|prompt:acme:0|>Why?", ""),
        ("bolt", "Why?", '"lora_name": "bolt"'),
    ],
)
def test_an_adapter_answers_with_its_own_prefix_and_lora(adapter: str, prompt: str, lora: str) -> None:
    text, parameters = asked(adapter)
    assert text == prompt
    assert lora in parameters and ("lora_name" in parameters) == bool(lora)


def test_no_prompt_names_another_tenants_soft_prompt() -> None:
    with pytest.raises(ApiError, match="tokens of a soft prompt"):
        asked("bolt", "<|prompt:acme:0|>Why?")
    assert asked("bolt", "<|prompt:acme:0|>Why?", chat=True)[0] == "<\u200b|prompt:acme:0|>Why?"


def test_a_prompt_that_cannot_fit_asks_no_server() -> None:
    with pytest.raises(ApiError) as told:
        asked("", "x" * 1_025)
    assert told.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("top_p must be in (0, 1], got 0.0.", "invalid_request"),
        ("The decoder prompt cannot be empty", "invalid_request"),
        (
            "The decoder prompt (length 357) is longer than the maximum model length of 192. Make sure that "
            "`max_model_len` is no smaller than the number of text tokens.",
            "prompt_too_long",
        ),
        ("This model's maximum context length is 192 tokens. However, you requested 365 tokens", "prompt_too_long"),
        ("CUDA error: an illegal memory access was encountered", "failed"),
        ("EngineCore encountered an issue. See stack trace (above) for the root cause.", "failed"),
        ("model must be loaded again", "failed"),
    ],
)
def test_a_wrong_request_is_no_fault_of_the_server(message: str, code: str) -> None:
    failure = failure_of(f"Error generating stream: {message}", VLLM)
    assert (failure.code, failure.is_fault) == (code, code == "failed")


@pytest.mark.parametrize("quoted", ["Stub process 'm' is not healthy", "the model must be loaded again", "unloading"])
def test_what_a_quoted_prompt_says_of_a_server_ends_nobody_elses_answers(quoted: str) -> None:
    triton = "Failed to process the request(s) for model instance 'm_0_0', message: "
    for said in (f"Error generating stream: {quoted}", f"{triton}ValueError: {quoted}", f"[failed] no JSON: {quoted}"):
        failure = failure_of(said, VLLM)
        assert (failure.code, failure.dead) == ("failed", False), said
    wrong = failure_of(f"Error generating stream: top_p must be in (0, 1], got {quoted}", VLLM)
    assert (wrong.code, wrong.dead) == ("invalid_request", False)


def test_a_dead_stub_is_told_by_how_tritons_error_begins() -> None:
    triton = "Failed to process the request(s) for model instance 'm_0_0', message: "
    assert all(failure_of(f"{said}Stub process 'm_0_0' is not healthy.", VLLM).dead for said in ("", triton))
