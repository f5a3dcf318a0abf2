"""Answers as OpenAI's clients read them. What does not change from token to token is made once."""

import json
import time
from functools import cached_property
from typing import Any

from include.inferencing.gateway.call import Call

DONE = b"data: [DONE]\n\n"


def finish_reason(reason: str) -> str:
    """One of those that clients know."""
    return reason if reason in ("stop", "length") else "stop"


class Form:
    """The answer to one call, whole or as events of a stream."""

    def __init__(self, call: Call) -> None:
        self.call, self.chat = call, call.question.chat
        kind = "chat.completion" if self.chat else "text_completion"
        self.head = {"id": call.id, "object": kind, "created": int(time.time()), "model": call.question.model}
        usage = ', "usage": null' if call.question.include_usage else ""
        self.after = f"{'}' if self.chat else ''}}}]{usage}}}\n\n".encode()

    @cached_property
    def event_head(self) -> dict[str, Any]:
        """Of each event. Made at the first one: who answers is not known before."""
        event = "chat.completion.chunk" if self.chat else "text_completion"
        return self.head | {"object": event, "system_fingerprint": self.call.triton_model}

    @cached_property
    def before(self) -> bytes:
        """What stands before each piece of text."""
        opened = json.dumps(self.event_head)[:-1] + ', "choices": [{"index": 0, "logprobs": null, '
        start = '"finish_reason": null, "delta": {"content": ' if self.chat else '"finish_reason": null, "text": '
        return f"data: {opened}{start}".encode()

    def first(self) -> bytes:
        """What comes before the text."""
        return self._event({"role": "assistant", "content": ""}) if self.chat else b""

    def text(self, text: str) -> bytes:
        """A piece of text."""
        return b"".join((self.before, json.dumps(text).encode(), self.after))

    def last(self, reason: str) -> bytes:
        """What comes after the text."""
        ended = self._event({}, finish_reason(reason)) if self.chat else self._event("", finish_reason(reason))
        if not self.call.question.include_usage:
            return ended + DONE
        return ended + _event(self.event_head | {"choices": [], "usage": self.usage()}) + DONE

    def whole(self, text: str, reason: str) -> bytes:
        """The answer in one piece."""
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": finish_reason(reason)}
        if self.chat:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None}
        else:
            choice["text"] = text
        rest = {"system_fingerprint": self.call.triton_model, "choices": [choice], "usage": self.usage()}
        return json.dumps(self.head | rest).encode()

    def usage(self) -> dict[str, int]:
        """Tokens in and out."""
        asked, answered = self.call.prompt_tokens, self.call.completion_tokens
        return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}

    def _event(self, delta: dict[str, str] | str, reason: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "logprobs": None, "finish_reason": reason}
        choice["delta" if self.chat else "text"] = delta
        usage = {"usage": None} if self.call.question.include_usage else {}
        return _event(self.event_head | {"choices": [choice]} | usage)


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"
