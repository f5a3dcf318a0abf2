"""The loop of training.pretrain beside a bare DeepSpeed loop, and the time from launch to the first step."""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.artifacts.server import ObjectStore
from benchmarks.training import pretraining_job
from benchmarks.training.rows import random_rows
from benchmarks.training.speeds import compared
from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.distributed.launch import run_job
from include.training.config import PackConfig, PretrainConfig
from include.training.presets import PRESETS

# one is fetched every few steps; of the size that pack writes, one would serve thousands
FILES = 4


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of both loops, and the seconds until the first step is done."""
    with tempfile.TemporaryDirectory(prefix="training-benchmark-") as name, ObjectStore(Path(name)) as address:
        store = ArtifactStore(address)
        knobs, length = PretrainConfig(preset=arguments.preset), PackConfig().length
        rows, vocabulary = knobs.batch * arguments.steps, PRESETS[arguments.preset].vocabulary
        packed = random_rows(store, rows=rows, length=length, vocabulary=vocabulary, files=FILES)
        plan = knobs.model_dump(include={"batch", "accumulation", "learning_rate", "warmup", "weight_decay", "clip"})
        plan |= {"seed": 1, "steps": arguments.steps, "log_every": 5, "save_every": arguments.steps}
        spec = {"plan": plan, "packed": packed.model_dump(), "preset": arguments.preset, "rounds": arguments.rounds}
        work = Workspace(store, "benchmarks.training", sha256_of("pretraining"), Path(name) / "work")
        launched = time.time()
        found = _read(run_job(work, pretraining_job.__name__, spec))
    first = found["second_step_at"] - launched
    speeds = compared(found, "bare", knobs.batch * length)
    print(f"from launch to the end of the first step: {first:.1f} s")
    told = {"preset": arguments.preset, "ranks": settings().training_ranks, "steps": arguments.steps}
    return told | {"rounds": arguments.rounds, "seconds_to_first_step": round(first, 1)} | speeds


def _read(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / pretraining_job.RESULT).read_text())
    return found
