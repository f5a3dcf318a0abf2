"""One tiny model, trained on two ranks in each way that DeepSpeed can divide it."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from include.artifacts.manifest import sha256_of
from include.distributed.batches import examples_of_part
from include.distributed.job import Job
from include.distributed.plan import Plan

BATCH, LENGTH, EXAMPLES, STEPS = 4, 16, 24, 4
PLAN = Plan(
    steps=STEPS,
    batch=BATCH,
    accumulation=1,
    learning_rate=1e-2,
    warmup=1,
    weight_decay=0.01,
    clip=1.0,
    seed=5,
    log_every=2,
    save_every=2,
    validate_every=2,
)
OWN = {
    "zero_optimization": {"stage": 1, "reduce_bucket_size": "auto"},
    "optimizer": {"type": "AdamW", "params": {"torch_adam": True, "lr": "auto", "betas": [0.9, 0.95], "eps": 1e-8}},
    "train_batch_size": "auto",
    "bf16": {"enabled": "auto"},
}
WAYS: dict[str, dict[str, Any]] = {
    **{f"zero {stage}": {"zero": stage} for stage in range(4)},
    "zero 2, optimizer on the host": {"zero": 2, "offload": "optimizer"},
    "zero 3, parameters on the host": {"zero": 3, "offload": "parameters"},
    "activations computed twice": {"zero": 1, "activation_checkpointing": True},
    "a configuration of its own": {"deepspeed": OWN},
    "bf16": {"zero": 2, "precision": "bf16"},
    "bf16 and zero 0": {"zero": 0, "precision": "bf16"},
}


class Tokens:
    """The same random tokens on every rank, to train and to measure on."""

    def __init__(self) -> None:
        import torch

        self.tokens = torch.randint(0, 64, (EXAMPLES, LENGTH), generator=torch.Generator().manual_seed(1))

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        return self._batch(examples_of_part(EXAMPLES, 3, step, BATCH, part, parts))

    def batches(self, rank: int, ranks: int) -> Any:
        # three rows: the second rank has but one, and a third batch is of the first rank alone
        for number, rows in enumerate(([[0, 1], [2]], [[3, 4], [3, 4]])[:2]):
            yield "held", self._batch(rows[rank]), 0.0 if (number, rank) == (1, 1) else float(len(rows[rank]))

    def _batch(self, rows: list[int]) -> dict[str, Any]:
        return {"input_ids": self.tokens[rows], "labels": self.tokens[rows]}


def main(job: Job) -> None:
    from transformers import LlamaConfig

    from include.distributed.engine import build_model
    from include.distributed.loop import start_ranks, train
    from include.distributed.weights import gathered, size

    start_ranks(seed=5)
    shape = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=True,
    )
    found = {}
    for name, way in WAYS.items():
        plan, tokens = replace(PLAN, **way), Tokens()
        model = build_model(shape, plan)
        engine, progress = train(replace(job, fingerprint=sha256_of(name)), model, tokens, plan, tokens)
        state = gathered(engine, job.rank)
        if state is not None:
            sums = {key: float(tensor.double().abs().sum()) for key, tensor in state.items()}
            found[name] = {
                "losses": progress.losses,
                "validation": progress.validation,
                "weights": sums,
                "parameters": size(engine.module).parameters,
                "tied": state["lm_head.weight"] is state["model.embed_tokens.weight"]
                or state["lm_head.weight"].data_ptr() == state["model.embed_tokens.weight"].data_ptr(),
            }
        engine.destroy()
    if job.rank == 0:
        Path(job.results / "ways.json").write_text(json.dumps(found))
        Path(job.results / "patience.json").write_text(json.dumps(patience().total_seconds()))


def patience() -> timedelta:
    """How long a rank waits for another one in a collective."""
    import torch
    import torch.distributed as dist

    assert dist.group.WORLD
    found: timedelta = dist.group.WORLD._get_backend(torch.device("cpu")).options._timeout
    return found
