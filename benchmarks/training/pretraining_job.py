"""What each rank measures: rounds of the project's loop and of a bare DeepSpeed loop, in turns."""

import json
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks.training.speeds import in_turns
from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.distributed.job import Job
from include.distributed.plan import Plan
from include.training.presets import PRESETS, llama
from include.training.shards import CORPUS, INDEX, Index
from include.training.streaming import RowStream

RESULT, WINDOW = "rounds.json", 1


class Timed:
    """Batches from the store, and when each step asked for its own."""

    def __init__(self, job: Job, packed: ArtifactRef, index: Index, plan: Plan) -> None:
        self.stream = RowStream(job, packed, index, CORPUS, WINDOW, plan.seed)
        self.batch, self.asked = plan.batch, [0.0] * plan.steps

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """As the loop asks for it."""
        self.asked[step] = self.asked[step] or time.monotonic()
        share = self.batch // parts
        rows = self.stream.read(step * self.batch + part * share, share)
        return {"input_ids": rows, "labels": rows}


def main(job: Job) -> None:
    """Rank 0 writes the seconds of each round's steps, by loop, and when the first step had ended."""
    from include.distributed.engine import build_model
    from include.distributed.loop import start_ranks, train

    plan, packed = Plan(**job.spec["plan"]), ArtifactRef.model_validate(job.spec["packed"])
    start_ranks(plan.seed)
    index = Index.read(job.fetch(packed, only=INDEX))
    found: dict[str, Any] = {"ours": [], "bare": []}
    for number, loop in in_turns("ours", "bare", job.spec["rounds"]):
        model = build_model(llama(PRESETS[job.spec["preset"]], index.vocabulary), plan)
        batches = Timed(job, packed, index, plan)
        if loop == "ours":
            train(replace(job, fingerprint=sha256_of([job.fingerprint, number])), model, batches, plan)
            asked = batches.asked
            found.setdefault("second_step_at", time.time() - (time.monotonic() - asked[1]))
        else:
            asked = _bare(job, model, batches, plan)
        found[loop].append([end - start for start, end in pairwise(asked)])
    if job.rank == 0:
        (job.results / RESULT).write_text(json.dumps(found))


def _bare(job: Job, model: Any, batches: Timed, plan: Plan) -> list[float]:
    """DeepSpeed's own loop on batches that are in memory: when each step began."""
    import deepspeed

    from include.distributed.engine import engine_config

    config = engine_config(plan, job.ranks)
    engine, *_ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
    ready = [batches.part(step, job.rank, job.ranks) for step in range(plan.steps)]
    began = []
    for batch in ready:
        began.append(time.monotonic())
        tensors = {name: tensor.to(engine.device) for name, tensor in batch.items()}
        loss = engine(**tensors).loss
        engine.backward(loss)
        engine.step()
    return began
