"""The training loop of every distributed job: DeepSpeed's engine, exact resume, and a loss that must stay finite."""

import json
import math
from dataclasses import replace
from typing import Any

from include.core.errors import ModelError
from include.distributed.batches import Batches, accumulation_of, micro_batch_of
from include.distributed.checkpoint import Checkpoints
from include.distributed.engine import Plan, build_engine
from include.distributed.job import Job
from include.distributed.meter import Meter, Progress
from include.distributed.pulse import WORK
from include.distributed.random_state import seed_part
from include.distributed.validation import Validation, validate
from include.distributed.writer import PATIENCE

CURVE = "curve.json"


def start_ranks(seed: int) -> None:
    """Connect the ranks; the same random numbers everywhere until the loop starts, so that models begin equal."""
    import deepspeed
    import torch
    from torch.distributed import distributed_c10d

    # inference alone uses this operation: it would be compiled first, and each killed rank leave 69 MB in /dev/shm
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    # DeepSpeed clones its groups with this default, whatever time-out it is told
    distributed_c10d.default_pg_timeout = PATIENCE
    deepspeed.init_distributed(timeout=PATIENCE, verbose=False)
    torch.manual_seed(seed)


def train(
    job: Job, model: Any, batches: Batches, plan: Plan, validation: Validation | None = None
) -> tuple[Any, Progress]:
    """Train `model` by `plan`, resuming where a checkpoint of this job is; returns the engine and what was done.

    Rank 0 writes curve.json with every step's loss. Raises ModelError where a loss is not finite, before it is saved.
    """
    checkpoints = Checkpoints(job, (step for step in range(1, plan.steps + 1) if plan.saves_at(step)))
    found = checkpoints.newest()
    asked = found.facts["micro_batch"] if found else micro_batch_of(plan.batch, plan.accumulation, job.ranks)
    micro = job.notes["micro_batch"] = job.micro_batch or asked
    # the same examples are computed together on any number of ranks, as far as their number divides them
    plan = replace(plan, accumulation=accumulation_of(plan.batch, micro, job.ranks))
    engine = build_engine(model, plan, job.ranks)
    progress = Progress(**(checkpoints.restore(engine, found)["progress"] if found else {}))
    engine.train()
    meter = Meter(job, plan, progress, engine)
    sums: list[Any] = []
    while progress.step < plan.steps:
        total, tokens = train_step(engine, job, batches, plan, progress.step)
        progress.step += 1
        progress.tokens += tokens
        sums.append(total)
        if plan.settles_at(progress.step):
            _settle(sums, progress, job.ranks * plan.accumulation)
        checkpoints.check()
        meter.stop()
        if validation and plan.validates_at(progress.step):
            measured = validate(engine, validation, job.rank, job.ranks)
            # the last update's weights: no loss of a later step tells of them
            for loss in measured.values():
                require_finite(loss, progress.step)
            progress.validation.append((progress.step, measured))
        if job.rank == 0:
            meter.tick()
        if plan.saves_at(progress.step):
            checkpoints.save(engine, progress.step, {"progress": vars(progress)}, {"micro_batch": micro})
        meter.resume()
    checkpoints.close()
    if job.rank == 0:
        (job.results / CURVE).write_text(json.dumps(vars(progress)))
    return engine, progress


def train_step(engine: Any, job: Job, batches: Batches, plan: Plan, step: int) -> tuple[Any, int]:
    """One optimizer step: this rank's sum of its parts' losses, on the device, and the tokens that all ranks read."""
    import torch

    total, tokens = torch.zeros((), device=engine.device), 0
    for micro in range(plan.accumulation):
        part = micro * job.ranks + job.rank
        seed_part(plan.seed, step, part)
        batch = batches.part(step, part, job.ranks * plan.accumulation)
        batch = {name: tensor.to(engine.device) for name, tensor in batch.items()}
        loss = engine(**batch).loss
        engine.backward(loss)
        engine.step()
        total += loss.detach().float()
        WORK.done()
        tokens += batch["input_ids"].numel()
    return total, tokens * job.ranks


def _settle(sums: list[Any], progress: Progress, parts: int) -> None:
    """Take the mean losses of the steps since the last time: together, so that no step waits for the ranks for it."""
    import torch
    import torch.distributed as dist

    totals = torch.stack(sums)
    dist.all_reduce(totals)
    for total in totals.tolist():
        require_finite(total / parts, len(progress.losses) + 1)
        progress.losses.append(total / parts)
    sums.clear()


def require_finite(loss: float, step: int) -> None:
    """ModelError where the loss of a step is not a finite number."""
    if not math.isfinite(loss):
        raise ModelError(
            "learning_rate",
            loss,
            f"the loss of step {step} is not a finite number",
            "Lower the learning rate or look at the data; a retry computes the same",
        )
