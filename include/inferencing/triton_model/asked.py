"""What a request asks for: its inputs read and checked, before it costs a tokenization."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

MOST_STOPS, LONGEST_STOP = 16, 256
ROLES = ("system", "user", "assistant", "tool")
# colder, the engine is as good as greedy, until its division by 1e-42 makes it write tokens that the graph bars: those
# of other tenants' adapters
COLDEST = 1e-3
CHARACTERS_PER_TOKEN = 64  # longer text cannot fit its tokens, and is refused unread

RANGES: dict[str, tuple[type, float, float]] = {
    "temperature": (float, 0.0, 2.0),
    "top_p": (float, 0.0, 1.0),
    "top_k": (int, 0, 1_000_000),
    "seed": (int, 0, 2**63 - 1),
    "presence_penalty": (float, -2.0, 2.0),
    "frequency_penalty": (float, -2.0, 2.0),
    "repetition_penalty": (float, 0.01, 10.0),
}


class RequestError(Exception):
    """The request cannot be answered: `[code] reason`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"[{code}] {reason}")


@dataclass(frozen=True)
class Asked:
    """A request as it is answered. One of `messages` and `text`; `sampling`: the engine's names, checked."""

    messages: list[dict[str, str]] | None
    text: str
    max_tokens: int
    adapter: str = ""
    stop: tuple[str, ...] = ()
    sampling: dict[str, Any] = field(default_factory=dict)

    def generation(self) -> dict[str, Any]:
        """Values of the engine's GenerationConfig."""
        found = dict(self.sampling)
        samples = found.get("temperature", 0.0) >= COLDEST
        if not samples:
            found = {name: value for name, value in found.items() if name not in ("temperature", "top_p", "top_k")}
        if not found.get("top_k", 1):
            del found["top_k"]
        named = {"rng_seed" if name == "seed" else name: value for name, value in found.items()}
        return named | {"max_new_tokens": self.max_tokens, "do_sample": samples}


def read(inputs: dict[str, bytes], limits: dict[str, Any]) -> Asked:
    """`inputs`: the request's tensors by name. RequestError with the first thing that is wrong."""
    given = [name for name in ("messages", "text_input") if name in inputs]
    if len(given) != 1:
        raise refused("messages and text_input", "send exactly one of them")
    longest = CHARACTERS_PER_TOKEN * int(limits["max_prompt_tokens"])
    if len(inputs[given[0]]) > 4 * longest:
        raise RequestError("prompt_too_long", _too_long("many more", limits))
    messages = _messages(inputs["messages"]) if "messages" in inputs else None
    text = _decoded("text_input", inputs["text_input"]) if messages is None else ""
    if messages is None and not text.strip():
        raise refused("text_input", "the question is empty")
    if sum(len(message["content"]) for message in messages or ()) + len(text) > longest:
        raise RequestError("prompt_too_long", _too_long("many more", limits))
    parameters = _parameters(inputs.get("parameters", b""))
    return Asked(
        messages,
        text,
        _whole("max_tokens", parameters.pop("max_tokens", limits["max_new_tokens"]), 1, limits["max_new_tokens"]),
        _decoded("adapter", inputs.get("adapter", b"")),
        _stops(parameters.pop("stop", [])),
        {name: _in_range(name, value) for name, value in parameters.items() if value is not None},
    )


def check_length(tokens: int, limits: dict[str, Any]) -> None:
    """RequestError where a prompt of `tokens` is over the limit."""
    if tokens > limits["max_prompt_tokens"]:
        raise RequestError("prompt_too_long", _too_long(str(tokens), limits))


def refused(name: str, problem: str) -> RequestError:
    """An input that is not as it has to be."""
    return RequestError("invalid_request", f"{name}: {problem}")


def _too_long(tokens: str, limits: dict[str, Any]) -> str:
    return f"the prompt has {tokens} tokens: at most {limits['max_prompt_tokens']} are allowed"


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(name, f"not UTF-8 ({error.reason})") from None


def _json(name: str, value: bytes) -> Any:
    def no_number(text: str) -> None:
        raise refused(name, f"{text} is not a number of JSON")

    try:
        return json.loads(_decoded(name, value), parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise refused(name, f"not JSON ({str(error)[:80]})") from None


def _messages(value: bytes) -> list[dict[str, str]]:
    """A conversation; its last message is not the assistant's, and one is the user's."""
    found = _json("messages", value)
    if not isinstance(found, list) or not found:
        raise refused("messages", "a list of {role, content} is wanted, of one message at least")
    for number, message in enumerate(found):
        name = f"messages[{number}]"
        if not isinstance(message, dict) or set(message) != {"role", "content"}:
            raise refused(name, "an object of role and content is wanted, and nothing else")
        if message["role"] not in ROLES:
            raise refused(f"{name}.role", f"{str(message['role'])[:40]!r} is none of {', '.join(ROLES)}")
        if not isinstance(message["content"], str):
            raise refused(f"{name}.content", "a string is wanted")
    asked = [message["content"] for message in found if message["role"] == "user"]
    if not asked:
        raise refused("messages", "none of them is the user's")
    if not asked[-1].strip():
        raise refused("messages", "the question is empty")
    return found


def _parameters(value: bytes) -> dict[str, Any]:
    found = _json("parameters", value) if value else {}
    if not isinstance(found, dict):
        raise refused("parameters", "a JSON object is wanted")
    known = {"max_tokens", "stop", *RANGES}
    if unknown := sorted(set(found) - known):
        raise refused(f"parameters.{unknown[0][:60]}", f"not known: use {', '.join(sorted(known))}")
    return {name: value for name, value in found.items() if value is not None}


def _in_range(name: str, value: Any) -> float | int:
    kind, low, high = RANGES[name]
    if kind is int:
        return _whole(name, value, int(low), int(high))
    # whole numbers may be larger than a float can hold
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if isinstance(value, bool) or not finite:
        raise refused(f"parameters.{name}", "a finite number is wanted")
    if not low <= value <= high or (name == "top_p" and not value):
        raise refused(f"parameters.{name}", f"{str(value)[:40]} is not in its range, {low} to {high}")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise refused(f"parameters.{name}", "a whole number is wanted")
    if not low <= value <= high:
        raise refused(f"parameters.{name}", f"{str(value)[:40]} is not in its range: must be from {low} to {high}")
    return value


def _stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise refused("parameters.stop", f"up to {MOST_STOPS} strings are wanted")
    for stop in stops:
        if not isinstance(stop, str) or not 1 <= len(stop) <= LONGEST_STOP:
            raise refused("parameters.stop", f"strings of 1 to {LONGEST_STOP} characters are wanted")
    return tuple(stops)
