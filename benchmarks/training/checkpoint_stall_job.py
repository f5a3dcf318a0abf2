"""What the rank measures: saves that block, and saves that are written while steps go on."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from include.artifacts.ref import artifact_prefix
from include.distributed.job import Job

RESULT = "stall.json"
# seconds of a step's tokens are few: what is measured is the state, not the batch
LENGTH, BATCH, ALONE = 64, 2, 8


def main(job: Job) -> None:
    """A model of 33 M parameters in fp32 with AdamW; rank 0 writes the seconds of all saves and steps."""
    import torch
    from transformers import LlamaConfig

    from include.distributed.checkpoint import Checkpoints
    from include.distributed.engine import build_engine, build_model
    from include.distributed.loop import start_ranks
    from include.distributed.plan import Plan

    plan = Plan(10**6, BATCH, 1, 1e-4, 1, 0.0, 1.0, 1, 1, 1)
    start_ranks(plan.seed)
    shape = LlamaConfig(
        vocab_size=8192, hidden_size=512, intermediate_size=1408, num_hidden_layers=9, num_attention_heads=8
    )
    engine = build_engine(build_model(shape, plan), plan, job.ranks)
    tokens = torch.randint(0, 8192, (BATCH, LENGTH))
    alone = [_step(engine, tokens) for _ in range(ALONE)]
    blocking = [_block(job, engine, number) for number in range(job.spec["saves"])]
    checkpoints = Checkpoints(job, range(1, 1000))
    found: dict[str, Any] = {"stall": [], "written": [], "beside": []}
    for number in range(1, job.spec["saves"] + 1):
        began = time.monotonic()
        checkpoints.save(engine, number, {}, {})
        found["stall"].append(time.monotonic() - began)
        while checkpoints.writing():
            found["beside"].append(_step(engine, tokens))
        checkpoints.close()
        found["written"].append(time.monotonic() - began)
    manifest = checkpoints.store.store.find(checkpoints.store.name, checkpoints.store.fingerprint(number))
    assert manifest
    found |= {
        "alone": alone[2:],
        "blocking": blocking,
        "parameters": sum(p.numel() for p in engine.module.parameters()),
    }
    found["megabytes"] = sum(entry.size for entry in manifest.files) >> 20
    (job.results / RESULT).write_text(json.dumps(found))


def _step(engine: Any, tokens: Any) -> float:
    began = time.monotonic()
    engine.backward(engine(input_ids=tokens, labels=tokens).loss)
    engine.step()
    return time.monotonic() - began


def _block(job: Job, engine: Any, number: int) -> float:
    """DeepSpeed's save and the upload, one after the other."""
    folder = Path(job.scratch) / "blocking"
    began = time.monotonic()
    engine.save_checkpoint(str(folder), tag=f"{number}", save_latest=False)
    job.store().upload(artifact_prefix("benchmarks.blocking", job.fingerprint), folder / f"{number}", fresh=True)
    seconds = time.monotonic() - began
    shutil.rmtree(folder)
    return seconds
