"""One answer on its way: what the engine told of it, the text of that, and its sender."""

import time
from typing import Any

import numpy as np
import triton_python_backend_utils as pb

from .asked import RequestError, refused
from .written import Written

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
FULL, REFUSED = "full", "refused"


class Answer:
    """`reason` says how it has ended, empty while it goes on; `ending` how the engine did."""

    def __init__(self, request: Any, most_seconds: float) -> None:
        self.sender = request.get_response_sender()
        self.looked = time.monotonic()
        self.deadline = self.looked + min(request.timeout() / 1e6 or most_seconds, most_seconds)
        self.written: Written
        self.prompt_tokens = self.shift = self._count = 0
        self._tokens: list[int] = []
        self._text = self.reason = self.ending = self._problem = ""

    def hear(self, tokens: list[int], ending: str, problem: str = "") -> None:
        """Keep what the engine has told."""
        self._tokens += tokens
        self.ending, self._problem = ending, problem

    def take(self) -> None:
        """Turn tokens into text that is final."""
        if self.ending == FULL:
            raise RequestError("prompt_too_long", "the key-value cache is too small for this request")
        if self.ending == REFUSED:
            raise refused("parameters", self._problem)
        tokens, self._tokens = [token - self.shift for token in self._tokens], []
        used, text = self.written.take(tokens, last=bool(self.ending))
        self._count, self._text = self._count + used, self._text + text
        # the engine may have ended by itself since, of its length
        self.reason = "stop" if self.written.stopped else self.ending

    def send(self) -> None:
        """Send what was taken, if it is text or the end."""
        if not self._text and not self.reason:
            return
        outputs = [
            pb.Tensor("text_output", np.array([self._text.encode("utf-8")], dtype=np.object_)),
            pb.Tensor("completion_tokens", np.array([self._count], dtype=np.int32)),
            pb.Tensor("prompt_tokens", np.array([self.prompt_tokens], dtype=np.int32)),
            pb.Tensor("finish_reason", np.array([self.reason], dtype=np.object_)),
        ]
        self._text, self._count = "", 0
        self.sender.send(pb.InferenceResponse(output_tensors=outputs), flags=FINAL if self.reason else 0)

    def fail(self, reason: str) -> None:
        """End it with an error."""
        self.sender.send(pb.InferenceResponse(error=pb.TritonError(reason)), flags=FINAL)

    def give_up(self) -> None:
        """End it without a word: nobody listens."""
        self.sender.send(flags=FINAL)
