"""customization.tune beside TRL's own trainer.

LoRA on one model and the same rows, under DeepSpeed, in turns in one job: once as the step trains, with the order of
its own, every step's loss read and its progress told; once by TRL as its documentation says.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.artifacts.server import ObjectStore
from benchmarks.training import tuning_job
from benchmarks.training.speeds import compared
from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.customization.config import LoraConfig
from include.distributed.launch import run_job

# tokens of a row
LENGTH = 128


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of both trainers, the medians of all rounds."""
    config = LoraConfig(steps=arguments.steps, save_every=arguments.steps, length=LENGTH)
    spec = {"config": config.model_dump(), "preset": arguments.preset, "rounds": arguments.rounds}
    with tempfile.TemporaryDirectory(prefix="tuning-benchmark-") as name, ObjectStore(Path(name)) as address:
        work = Workspace(ArtifactStore(address), "benchmarks.tuning", sha256_of(spec), Path(name) / "work")
        results = run_job(work, tuning_job.__name__, spec)
        found: dict[str, list[list[float]]] = json.loads((results / tuning_job.RESULT).read_text())
    told = {"preset": arguments.preset, "ranks": settings().training_ranks, "steps": arguments.steps}
    return told | {"rounds": arguments.rounds} | compared(found, "plain", config.batch * config.length)
