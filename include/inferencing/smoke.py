"""One question to a model on Triton, timed."""

import time

from pydantic import BaseModel, ConfigDict

from include.core.errors import ModelError
from include.inferencing.config import DeployConfig
from include.inferencing.triton_client import TritonClient


class SmokeTest(BaseModel):
    """The answer and its speed; `first_token_ms` from the request to the first piece of text."""

    model_config = ConfigDict(frozen=True)
    first_token_ms: float
    tokens_per_second: float
    answer: str


def smoke_test(triton: TritonClient, model: str, config: DeployConfig) -> SmokeTest:
    """Ask the configured question; ModelError where the answer is empty."""
    started = time.monotonic()
    first = 0.0
    text, tokens = "", 0
    for piece in triton.stream(model, config.question, config.max_tokens, config.answer_seconds):
        first = first or time.monotonic() - started
        text += piece.text
        tokens += piece.tokens
    if not text.strip():
        raise ModelError(
            "package", model, f"its answer to {config.question!r} is empty", "Look at the model's evaluation"
        )
    speed = tokens / (time.monotonic() - started)
    return SmokeTest(first_token_ms=round(first * 1000, 1), tokens_per_second=round(speed, 1), answer=text.strip())
