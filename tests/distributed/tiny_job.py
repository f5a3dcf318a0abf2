"""A tiny model on two ranks that kills the process it is told to, once, in the middle of training."""

import os
import signal
from pathlib import Path
from typing import Any

from include.distributed.batches import examples_of_part
from include.distributed.job import Job

BATCH, LENGTH, EXAMPLES, STEPS, SAVE_EVERY = 4, 16, 40, 12, 2


class TinyBatches:
    """Random tokens; before the step named in `trap` is read, the process named there dies by SIGKILL."""

    def __init__(self, job: Job) -> None:
        import torch

        self.job = job
        self.tokens = torch.randint(0, 64, (EXAMPLES, LENGTH), generator=torch.Generator().manual_seed(1))

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        import torch

        self._trap(step)
        rows = self.tokens[examples_of_part(EXAMPLES, 3, step, BATCH, part, parts)]
        # without a label the mean loss is 0 / 0
        labels = torch.full_like(rows, -100) if step == self.job.spec.get("unlabelled_step") else rows
        return {"input_ids": rows, "labels": labels}

    def _trap(self, step: int) -> None:
        trap = self.job.spec.get("trap")
        if trap and step == trap["step"] and self.job.rank == 1:
            Path(trap["pids"]).write_text(f"{os.getpid()} {os.getppid()}")
            victims = {"rank": os.getpid(), "launcher": os.getppid(), "owner": trap.get("owner", 0)}
            os.kill(victims[trap["victim"]], signal.SIGKILL)
            if trap["victim"] != "rank":
                signal.pause()


def main(job: Job) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    from include.distributed.engine import Plan
    from include.distributed.loop import start_ranks, train

    start_ranks(seed=5)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=64,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            attention_dropout=0.1,
            max_position_embeddings=LENGTH,
        )
    )
    plan = Plan(
        steps=STEPS,
        batch=BATCH,
        accumulation=2,
        learning_rate=1e-2,
        warmup=2,
        weight_decay=0.01,
        clip=1.0,
        seed=5,
        log_every=1,
        save_every=SAVE_EVERY,
    )
    train(job, model, TinyBatches(job), plan)
