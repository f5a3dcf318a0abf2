"""How each kind of package is asked on Triton: one dialect an engine."""

import json
from dataclasses import dataclass
from typing import Any, Protocol

from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.question import Question


@dataclass(slots=True)
class Piece:
    """A piece of an answer: its text, the tokens since the last piece, those of the prompt, and how it ended."""

    text: str
    tokens: int
    prompt_tokens: int
    finish_reason: str


class Failure(Exception):
    """An attempt at an answer that failed. `code`: of the package's own, else not_ready, lost, ended or silent.

    `dead`: the model's process is gone; `killed`: and as far as anybody knows, by no fault of its package.
    """

    def __init__(self, code: str, message: str, *, dead: bool = False, killed: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.dead, self.killed = code, message, dead, killed

    @property
    def is_refusal(self) -> bool:
        """Whether the model says that the request is at fault."""
        return self.code in ("invalid_request", "prompt_too_long")

    @property
    def is_fault(self) -> bool:
        """Whether the model on that server is at fault."""
        return self.code in ("failed", "silent")

    def error(self, *, chat: bool) -> ApiError:
        """What the client is told. Reasons of servers stay in the log."""
        where = "messages" if chat else "prompt"
        if self.code == "prompt_too_long":
            return ApiError(400, self.message, param=where, code="context_length_exceeded")
        if self.code == "invalid_request":
            return ApiError(400, self.message, code="invalid_value")
        if self.code == "deadline":
            return ApiError(504, "The answer was not complete before its deadline.", code="deadline_exceeded")
        if self.code == "overloaded":
            return ApiError(503, "The model is overloaded; try again later.", code="overloaded", retry_after=2)
        if self.code in ("not_ready", "unloading"):
            return ApiError(503, "The model is being loaded; try again.", code="model_not_ready", retry_after=2)
        return ApiError(502, "The model failed to answer.", code="model_failed")


class Dialect(Protocol):
    """What an engine's Triton backend reads and writes."""

    def inputs(self, question: Question, adapter: str, info: dict[str, Any]) -> list[Any]:
        """A request's input tensors; `info` is the package's package_info.json."""

    def piece(self, outputs: dict[str, bytes]) -> Piece:
        """A response, read from its raw tensors by name."""

    def failure(self, message: str) -> Failure | None:
        """What an error in the engine's own words says of the request; None where it says nothing of it."""


def text_input(name: str, value: str) -> Any:
    """A tensor of one string."""
    import numpy as np
    import tritonclient.grpc.aio as grpc

    tensor = grpc.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([value.encode()], dtype=np.object_))
    return tensor


def json_input(name: str, value: Any) -> Any:
    """A tensor of one string, JSON."""
    return text_input(name, json.dumps(value, ensure_ascii=False))


def text_of(raw: bytes) -> str:
    """The one string of a raw tensor: four bytes of its length, then itself."""
    return raw[4:].decode("utf-8", "replace")


def number_of(raw: bytes) -> int:
    """The one 32-bit integer of a raw tensor."""
    return int.from_bytes(raw[:4], "little", signed=True)


def dialect_of(engine: str) -> Dialect:
    """The dialect of a package's engine."""
    from include.inferencing.gateway.backends.openvino import OpenVino
    from include.inferencing.gateway.backends.vllm import Vllm

    return Vllm() if engine == "vllm" else OpenVino()
