"""A request for an answer, read from JSON: what OpenAI's API and this gateway have in common, and nothing else."""

import json
from dataclasses import dataclass, field
from typing import Any

from include.inferencing.gateway.errors import ApiError, no_model, refused

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
# without influence on the answer
HARMLESS = {
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
}
# what would change the answer, and the values at which it does not
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "echo": (False,),
    "suffix": ("",),
    "logit_bias": ({},),
    "tools": ([],),
    "tool_choice": ("none",),
    "functions": ([],),
    "function_call": ("none",),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "reasoning_effort": (),
    "verbosity": (),
    "web_search_options": (),
}
INTEGER, REAL = int, int | float
# name -> types and bounds
NUMBERS: dict[str, tuple[Any, float, float]] = {
    "max_tokens": (INTEGER, 1, 10_000_000),
    "temperature": (REAL, 0, 2),
    # above 0, as engines have it
    "top_p": (REAL, 1e-6, 1),
    "top_k": (INTEGER, 1, 1_000_000),
    "seed": (INTEGER, 0, 2**63 - 1),
    "presence_penalty": (REAL, -2, 2),
    "frequency_penalty": (REAL, -2, 2),
    "repetition_penalty": (REAL, 0.01, 10),
}
OF_ALL = {"model", "stream", "stream_options", "stop", "max_completion_tokens"}
PARAMETERS = {"messages", "prompt"} | OF_ALL | HARMLESS | NUMBERS.keys() | NEUTRAL.keys()
MOST_STOPS, LONGEST_STOP, MOST_MESSAGES = 16, 1_000, 1_000
# OpenAI's own for /v1/completions
COMPLETION_TOKENS = 16


@dataclass
class Question:
    """What is asked: a conversation or a raw prompt, and how to answer."""

    model: str
    chat: bool
    messages: list[dict[str, str]] = field(default_factory=list)
    prompt: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    include_usage: bool = False
    store: bool | None = None

    @property
    def characters(self) -> int:
        """Length of all texts."""
        return len(self.prompt) + sum(len(message["content"]) for message in self.messages)


def read_question(body: bytes, *, chat: bool) -> Question:
    """The request; ApiError 400 names what is wrong with it."""
    given = {name: value for name, value in _parse(body).items() if value is not None}
    own = "messages" if chat else "prompt"
    for name, value in given.items():
        _check(name, value, own)
    question = Question(_model(given), chat, parameters=_parameters(given, chat=chat))
    if own not in given:
        raise refused(f"Missing required parameter: '{own}'.", own)
    if chat:
        question.messages = _messages(given["messages"])
    else:
        question.prompt = _prompt(given["prompt"])
    question.stream, question.store = _flag(given, "stream"), _flag(given, "store") if "store" in given else None
    options = given.get("stream_options", {})
    if options and (not question.stream or not isinstance(options, dict)):
        raise refused("'stream_options' is an object, and only allowed when 'stream' is true.", "stream_options")
    question.include_usage = _flag(options, "include_usage")
    return question


def _parse(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        # a half of a surrogate pair is JSON, and no text
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise refused("We could not parse the JSON body of your request.", code="invalid_json") from None
    if not isinstance(value, dict):
        raise refused("The body of your request has to be a JSON object.", code="invalid_json")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check(name: str, value: Any, own: str) -> None:
    if name in NEUTRAL:
        if not any(value == neutral and type(value) is type(neutral) for neutral in NEUTRAL[name]):
            raise refused(f"Unsupported value: '{name}' is not supported here.", name, "unsupported_parameter")
    elif name not in HARMLESS | OF_ALL | NUMBERS.keys() | {own}:
        raise refused(f"Unrecognized request argument supplied: {name[:100]}", name[:100], "unknown_parameter")


def _model(given: dict[str, Any]) -> str:
    if "model" not in given:
        raise refused("Missing required parameter: 'model'.", "model")
    model = given["model"]
    if not isinstance(model, str) or not model:
        raise no_model(model)
    return model


def _flag(given: dict[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise refused(f"Invalid type for '{name}': expected a boolean.", name, "invalid_type")
    return value


def _parameters(given: dict[str, Any], *, chat: bool) -> dict[str, Any]:
    if "max_completion_tokens" in given:
        if "max_tokens" in given:
            raise refused("Give 'max_tokens' or 'max_completion_tokens', not both.", "max_tokens")
        given["max_tokens"] = given["max_completion_tokens"]
    elif not chat:
        given.setdefault("max_tokens", COMPLETION_TOKENS)
    found: dict[str, Any] = {}
    for name, (kind, low, high) in NUMBERS.items():
        if name not in given:
            continue
        value: Any = given[name]
        if isinstance(value, bool) or not isinstance(value, kind):
            expected = "an integer" if kind is INTEGER else "a number"
            raise refused(f"Invalid type for '{name}': expected {expected}.", name, "invalid_type")
        # neither has infinity, nor a number that no float can hold
        if not low <= value <= high:
            raise refused(
                f"Invalid '{name}': {str(value)[:40]} is not from {low:g} to {high:g}.", name, "invalid_value"
            )
        found[name] = value
    if "stop" in given:
        found["stop"] = _stops(given["stop"])
    return found


def _stops(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise refused(f"Invalid 'stop': a string, or up to {MOST_STOPS} of them.", "stop", "invalid_value")
    if not all(isinstance(stop, str) and 0 < len(stop) <= LONGEST_STOP for stop in stops):
        raise refused(f"Invalid 'stop': each a string of up to {LONGEST_STOP} characters.", "stop", "invalid_value")
    return stops


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value or len(value) > MOST_MESSAGES:
        raise refused(f"Invalid 'messages': a list of 1 to {MOST_MESSAGES} messages.", "messages", "invalid_value")
    return [_message(message, f"messages[{number}]") for number, message in enumerate(value)]


def _message(value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise refused(f"Invalid '{where}': expected an object.", where, "invalid_type")
    role = value.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise refused(f"Invalid '{where}.role': one of {', '.join(ROLES)}.", f"{where}.role", "invalid_value")
    for name in value.keys() - {"role", "content"}:
        # an answer of this API that is sent back has such fields, all empty
        if value[name]:
            raise refused(f"'{where}.{name}' is not supported here.", f"{where}.{name}", "unsupported_parameter")
    return {"role": ROLES[role], "content": _text(value.get("content"), f"{where}.content")}


def _text(value: Any, where: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise refused(f"Invalid '{where}': a string, or a list of texts.", where, "invalid_type")
    texts = []
    for part in value:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise refused(f"'{where}': parts of type text are supported, no others.", where, "unsupported_parameter")
        texts.append(text)
    return "\n".join(texts)


def _prompt(value: Any) -> str:
    prompt = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(prompt, str):
        raise refused("Invalid 'prompt': one string; lists and tokens are not supported.", "prompt", "invalid_type")
    return prompt


def check_size(question: Question, longest: int, most_tokens: int | None) -> None:
    """ApiError 400 where the prompt is longer than the tenant may send, or the answer than the model gives."""
    where = "messages" if question.chat else "prompt"
    if question.characters > longest:
        told = f"Your prompt has {question.characters} characters; at most {longest} are allowed."
        raise ApiError(400, told, param=where, code="context_length_exceeded")
    wanted = question.parameters.get("max_tokens")
    if most_tokens and wanted and wanted > most_tokens:
        told = f"max_tokens is too large: {wanted}. This model writes at most {most_tokens} tokens."
        raise ApiError(400, told, param="max_tokens", code="invalid_value")
