"""What a training loop has done, and what it says about it: a line in the log, a document in the store."""

import json
import logging
import math
import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from include.core.errors import GenaiError
from include.distributed.job import Job
from include.distributed.peak import flops_per_token, peak_flops
from include.distributed.plan import Plan

DOCUMENT = "progress/{step}/{fingerprint}.json"
# what is told, and the curves so far: for who draws them
CURVES = "progress/{step}/{fingerprint}.curves.json"
SECONDS = 5.0
# of a loss curve in the document: one of a million steps is no longer to draw or to send than one of some hundred
MOST_POINTS = 200
_log = logging.getLogger("genai.distributed.job")


@dataclass
class Progress:
    """What a loop has done so far; travels in its checkpoints. Losses are the means over all ranks."""

    step: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    validation: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """Step, and the loss of each kind of what is not trained on."""
    speeds: list[tuple[int, int]] = field(default_factory=list)
    """Step, and tokens a second since the line before."""


class Meter:
    """Tells loss, speed, memory and time left every few steps, on rank 0.

    Speeds are of the steps since the line before. MFU is None where the device's peak is not known, so on a CPU.
    """

    def __init__(self, job: Job, plan: Plan, progress: Progress, engine: Any) -> None:
        self.job, self.plan, self.progress, self.engine = job, plan, progress, engine
        self.since, self.measured = time.monotonic(), 0.0
        self.tokens, self.started = progress.tokens, progress.step
        self.published = _Published(job)
        self.peak = _peak(engine)

    def tick(self) -> None:
        """After a step: the lines that are due."""
        if self.progress.validation and self.progress.validation[-1][0] == self.progress.step:
            losses = "  ".join(f"{name} {loss:.4f}" for name, loss in self.progress.validation[-1][1].items())
            _log.info("step %d  validation %s", self.progress.step, losses)
        if self.progress.step % self.plan.log_every and self.progress.step != self.plan.steps:
            return
        told = self.told()
        mfu = f"  MFU {told['mfu']:.1%}" if told["mfu"] is not None else ""
        _log.info(
            "step %d/%d  loss %.4f  %d tokens/s  %d MB%s  %.0f s left",
            told["step"],
            told["steps"],
            told["loss"],
            told["tokens_per_second"],
            told["memory_bytes"] >> 20,
            mfu,
            told["eta_seconds"],
        )
        self.progress.speeds.append((told["step"], told["tokens_per_second"]))
        self.published.write(told, self.progress, last=self.progress.step == self.plan.steps)
        self.tokens, self.started, self.measured = self.progress.tokens, self.progress.step, 0.0

    def told(self) -> dict[str, Any]:
        """What the document says: of the steps since the last line."""
        progress, steps = self.progress, self.progress.step - self.started
        elapsed, tokens = max(1e-9, self.measured), progress.tokens - self.tokens
        recent = progress.losses[-steps:]
        return {
            "step": progress.step,
            "steps": self.plan.steps,
            "loss": sum(recent) / len(recent),
            "validation": progress.validation[-1] if progress.validation else None,
            "tokens_per_second": round(tokens / elapsed),
            "memory_bytes": _memory(),
            "mfu": self._mfu(tokens / elapsed, tokens / steps / self.plan.batch),
            "eta_seconds": round((self.plan.steps - progress.step) * elapsed / steps, 1),
        }

    def stop(self) -> None:
        """Count the time so far as training time."""
        now = time.monotonic()
        self.progress.seconds += now - self.since
        self.measured += now - self.since
        self.since = now

    def resume(self) -> None:
        """What was done since `stop` was not training."""
        self.since = time.monotonic()

    def _mfu(self, tokens_per_second: float, length: float) -> float | None:
        if self.peak is None:
            return None
        needed = tokens_per_second * flops_per_token(self.engine.module, length)
        return round(needed / (self.peak * self.job.ranks), 4)


class _Published:
    """The documents of a job's progress in the store. A store that is away costs them, never the training."""

    def __init__(self, job: Job) -> None:
        self.name = {"step": job.step, "fingerprint": job.fingerprint}
        self.bucket = job.store().bucket
        self.at = -SECONDS
        self.writer: threading.Thread | None = None

    def write(self, told: dict[str, Any], progress: Progress, *, last: bool) -> None:
        """In the background, unless a write is under way or was just made; the last one is waited for."""
        now = time.monotonic()
        busy = self.writer is not None and self.writer.is_alive()
        if not last and (busy or now - self.at < SECONDS):
            return
        if self.writer:
            self.writer.join()
        self.at = now
        curves = told | {"losses": curve(progress.losses), "validations": progress.validation[-MOST_POINTS:]}
        self.writer = threading.Thread(target=self._put, args=(told, curves), daemon=True)
        self.writer.start()
        if last:
            self.writer.join()

    def _put(self, told: dict[str, Any], curves: dict[str, Any]) -> None:
        try:
            self.bucket.put_bytes(DOCUMENT.format(**self.name), json.dumps(told).encode())
            self.bucket.put_bytes(CURVES.format(**self.name), json.dumps(curves).encode())
        except GenaiError as error:
            _log.warning("the progress was not published: %s", error)


def curve(losses: Sequence[float], most: int = MOST_POINTS) -> list[tuple[int, float]]:
    """At most so many points (step, mean loss of the steps since the point before), the last step's among them."""
    stretch = max(1, math.ceil(len(losses) / most))
    ends = range(len(losses), 0, -stretch)
    return [
        (end, round(sum(part) / len(part), 6))
        for end in reversed(ends)
        if (part := losses[max(0, end - stretch) : end])
    ]


def _peak(engine: Any) -> float | None:
    import torch

    return peak_flops(torch.cuda.get_device_name(engine.device)) if engine.device.type == "cuda" else None


def _memory() -> int:
    """Most bytes that this rank has held: of its device where it has one, else of the host."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
