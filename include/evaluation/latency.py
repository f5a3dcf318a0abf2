"""How long one user waits, and how much memory that takes: one question at a time, of the model in fp32."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from include.evaluation.model import LoadedModel
from include.evaluation.prompt import prompt_of


class Wait(NamedTuple):
    """Seconds to the first token of an answer, and seconds a token after it."""

    first: float
    each: float


class _Clock:
    """What `generate` hands its tokens to, as it makes them; the first call has the prompt."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, _: Any) -> None:
        self.times.append(time.monotonic())

    def end(self) -> None:
        """Nothing is left over."""


def waits(loaded: LoadedModel, questions: Sequence[str], tokens: int, max_tokens: int) -> list[Wait]:
    """A wait a question, of an answer of exactly `tokens` tokens, at least two, whatever the model would say."""
    import torch

    limit = max(1, min(max_tokens, loaded.context - tokens - len(loaded.soft_prompt)))
    found = []
    for question in questions:
        prompt = prompt_of(loaded, question, limit, tokens)
        clock, began = _Clock(), time.monotonic()
        with torch.inference_mode():
            ids = torch.tensor([prompt])
            loaded.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
                pad_token_id=loaded.tokenizer.pad_token_id,
                streamer=clock,
            )
        written = clock.times[-tokens:]
        found.append(Wait(written[0] - began, (written[-1] - written[0]) / (tokens - 1)))
    return found


@dataclass
class Memory:
    """Bytes above those at the beginning that this process has held, at most."""

    peak: int = field(default=0)


@contextmanager
def peak_memory() -> Iterator[Memory]:
    """The memory that what happens inside takes: on the GPU where there is one, else resident in this process."""
    import torch

    found = Memory()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        yield found
        found.peak = int(torch.cuda.max_memory_allocated())
        return
    # where the mark cannot be set back, what the process held before counts too
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    yield found
    found.peak = max(0, _resident("VmHWM") - before)


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
