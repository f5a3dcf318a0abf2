"""What a training loop has done, and what it says about it."""

import logging
import time
from dataclasses import dataclass, field

from include.distributed.engine import Plan

_log = logging.getLogger("genai.distributed.job")


@dataclass
class Progress:
    """What a loop has done so far; travels in its checkpoints. Losses are the means over all ranks."""

    step: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Meter:
    """Logs loss, speed and time left every few steps, on rank 0."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.since, self.tokens, self.started = time.monotonic(), progress.tokens, progress.step

    def tick(self) -> None:
        if self.progress.step % self.plan.log_every and self.progress.step != self.plan.steps:
            return
        elapsed = max(1e-9, time.monotonic() - self.since)
        self.stop()
        recent = self.progress.losses[-self.plan.log_every :]
        speed = (self.progress.tokens - self.tokens) / elapsed
        left = (self.plan.steps - self.progress.step) * elapsed / max(1, self.progress.step - self.started)
        _log.info(
            "step %d/%d  loss %.4f  %d tokens/s  %.0f s left",
            self.progress.step,
            self.plan.steps,
            sum(recent) / len(recent),
            speed,
            left,
        )
        self.tokens, self.started = self.progress.tokens, self.progress.step

    def stop(self) -> None:
        """Count the time so far as training time, and what follows until the next step as not."""
        now = time.monotonic()
        self.progress.seconds += now - self.since
        self.since = now
