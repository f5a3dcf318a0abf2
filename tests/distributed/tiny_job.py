"""A tiny model that trains, and what is asked of it on the way: processes killed, memory short, a loss that is NaN."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.distributed.batches import examples_of_part
from include.distributed.job import Job

BATCH, LENGTH, EXAMPLES, STEPS, SAVE_EVERY = 4, 16, 40, 12, 2


class TinyBatches:
    """Tokens of an artifact; before a step in `traps` is read, the process named there dies by SIGKILL, once."""

    def __init__(self, job: Job) -> None:
        import torch

        self.job = job
        folder = job.fetch(ArtifactRef.model_validate(job.spec["seed"]))
        seed = int((folder / "text.txt").read_text())
        self.tokens = torch.randint(0, 64, (EXAMPLES, LENGTH), generator=torch.Generator().manual_seed(seed))

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        import torch

        self._trap(step)
        chosen = examples_of_part(EXAMPLES, 3, step, BATCH, part, parts)
        self._note(step, part, chosen)
        rows = self.tokens[chosen]
        if len(rows) > self.job.spec.get("memory", BATCH):
            torch.empty(1 << 50)
        # without a label the mean loss is 0 / 0
        labels = torch.full_like(rows, -100) if step == self.job.spec.get("unlabelled_step") else rows
        return {"input_ids": rows, "labels": labels}

    def batches(self, rank: int, ranks: int) -> Any:
        """To measure on: no label, so that the loss is NaN."""
        import torch

        rows = self.tokens[:1]
        yield "held", {"input_ids": rows, "labels": torch.full_like(rows, -100)}, 1.0

    def _note(self, step: int, part: int, chosen: list[int]) -> None:
        """One line in the file `reads`: the step, the place in its batch, and the examples that are read there."""
        if path := self.job.spec.get("reads"):
            with Path(path).open("ab", buffering=0) as file:
                file.write(f"{step} {part * len(chosen)} {' '.join(map(str, chosen))}\n".encode())

    def _trap(self, step: int) -> None:
        if "reached" in self.job.spec and step == self.job.spec["steps"] // 2:
            Path(self.job.spec["reached"]).touch()
        victim = self.job.spec.get("traps", {}).get(str(step))
        if victim and self.job.rank == 1:
            sprung = Path(self.job.spec["folder"]) / f"pids-{victim}"
            if not sprung.exists():
                self._await_checkpoint(step - step % SAVE_EVERY)
                sprung.write_text(f"{os.getpid()} {os.getppid()}")
                victims = {"rank": os.getpid(), "launcher": os.getppid(), "owner": self.job.spec.get("owner", 0)}
                os.kill(victims[victim], signal.SIGKILL)
                signal.pause()

    def _await_checkpoint(self, step: int) -> None:
        """The one after `step` steps is committed: it is written beside training."""
        fingerprint = sha256_of([self.job.fingerprint, step])
        while not self.job.store().find(f"{self.job.step}.checkpoints", fingerprint):
            time.sleep(0.05)


def main(job: Job) -> None:
    if job.rank >= job.spec.get("survivors", job.ranks):
        os.kill(os.getpid(), signal.SIGKILL)
    from include.distributed.engine import Plan
    from include.distributed.loop import start_ranks, train

    start_ranks(seed=5)
    plan = Plan(
        steps=job.spec.get("steps", STEPS),
        batch=BATCH,
        accumulation=2,
        learning_rate=1e-2,
        warmup=2,
        weight_decay=0.01,
        clip=1.0,
        seed=5,
        log_every=1,
        save_every=job.spec.get("save_every", SAVE_EVERY),
        validate_every=job.spec.get("validate_every", 0),
    )
    batches = TinyBatches(job)
    train(job, noisy_model(), batches, plan, batches)


def noisy_model() -> Any:
    """Its loss depends a little on all random numbers of the process, so that none may be lost."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    class Noisy(LlamaForCausalLM):
        def forward(self, **batch: Any) -> Any:
            found = super().forward(**batch)
            found.loss = found.loss * (1 + 1e-5 * (torch.rand(()) + random.random() + np.random.random()))
            return found

    return Noisy(
        LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=LENGTH,
        )
    )
