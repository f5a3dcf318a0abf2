"""The training loop of every distributed job: DeepSpeed's engine, exact resume, and a loss that must stay finite."""

import json
import logging
import math
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from include.core.errors import ConfigurationError, ModelError
from include.distributed.batches import Batches
from include.distributed.checkpoint import Checkpoints
from include.distributed.job import Job

CURVE = "curve.json"
ZERO2 = Path(__file__).with_name("zero2.json")
# Above the slowest checkpoint; torch's own default is 30 minutes.
_SILENCE = timedelta(minutes=10)
_log = logging.getLogger("genai.distributed.job")


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train. `batch` is the examples a step, over all ranks and accumulated parts."""

    steps: int
    batch: int
    accumulation: int
    learning_rate: float
    warmup: int
    weight_decay: float
    clip: float
    seed: int
    log_every: int
    save_every: int

    def rate(self, step: int) -> float:
        """The learning rate's factor at `step` (from 0): linear warm-up, then a cosine down to a tenth."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))

    def saves_at(self, step: int) -> bool:
        """Whether a checkpoint follows the first `step` steps."""
        return step == self.steps or step % self.save_every == 0


@dataclass
class Progress:
    """What a loop has done so far; travels in its checkpoints. Losses are the means over all ranks."""

    step: int = 0
    tokens: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0


def start_ranks(seed: int) -> None:
    """Connect the ranks; the same random numbers everywhere until the loop starts, so that models begin equal."""
    import deepspeed
    import torch
    from torch.distributed import distributed_c10d

    # DeepSpeed clones its groups with this default, whatever time-out it is told
    distributed_c10d.default_pg_timeout = _SILENCE
    deepspeed.init_distributed(timeout=_SILENCE, verbose=False)
    torch.manual_seed(seed)


def train(job: Job, model: Any, batches: Batches, plan: Plan) -> tuple[Any, Progress]:
    """Train `model` by `plan`, resuming where a checkpoint of this job is; returns the engine and what was done.

    Rank 0 writes curve.json with every step's loss. Raises ModelError where the loss is not finite.
    """
    import torch

    engine = _engine(job, model, plan)
    checkpoints = Checkpoints(job, (step for step in range(1, plan.steps + 1) if plan.saves_at(step)))
    torch.manual_seed(plan.seed * 1000 + job.rank)
    progress = Progress(**(checkpoints.load(engine) or {}).get("progress", {}))
    engine.train()
    meter = _Meter(plan, progress)
    while progress.step < plan.steps:
        loss, tokens = _step(engine, job, batches, plan, progress.step)
        progress.step += 1
        progress.tokens += tokens
        progress.losses.append(loss)
        _require_finite(loss, progress.step)
        if job.rank == 0:
            meter.tick()
        if plan.saves_at(progress.step):
            meter.stop()
            checkpoints.save(engine, progress.step, {"progress": vars(progress)})
    if job.rank == 0:
        (job.results / CURVE).write_text(json.dumps(vars(progress)))
    return engine, progress


def _engine(job: Job, model: Any, plan: Plan) -> Any:
    import deepspeed
    import torch

    parts = job.ranks * plan.accumulation
    if plan.batch % parts:
        raise ConfigurationError(
            "batch",
            plan.batch,
            f"it does not divide by {job.ranks} ranks x {plan.accumulation} accumulated parts",
            f"Use a multiple of {parts}",
        )
    config = json.loads(ZERO2.read_text())
    config["train_batch_size"] = plan.batch
    config["train_micro_batch_size_per_gpu"] = plan.batch // parts
    config["gradient_accumulation_steps"] = plan.accumulation
    config["gradient_clipping"] = plan.clip
    config["optimizer"]["params"] |= {"lr": plan.learning_rate, "weight_decay": plan.weight_decay}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    engine, *_ = deepspeed.initialize(
        model=model,
        model_parameters=trained,
        config=config,
        lr_scheduler=lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, plan.rate),
    )
    return engine


def _step(engine: Any, job: Job, batches: Batches, plan: Plan, step: int) -> tuple[float, int]:
    import torch
    import torch.distributed as dist

    total, tokens = torch.zeros((), device=engine.device), 0
    for micro in range(plan.accumulation):
        batch = batches.part(step, micro * job.ranks + job.rank, job.ranks * plan.accumulation)
        batch = {name: tensor.to(engine.device) for name, tensor in batch.items()}
        loss = engine(**batch).loss
        engine.backward(loss)
        engine.step()
        total += loss.detach().float()
        tokens += batch["input_ids"].numel()
    dist.all_reduce(total)
    return float(total) / (job.ranks * plan.accumulation), tokens * job.ranks


def _require_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            "learning_rate",
            loss,
            f"the loss of step {step} is not a finite number",
            "Lower the learning rate or look at the data; a retry computes the same",
        )


class _Meter:
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
