"""How long a checkpoint keeps training waiting, beside one that is saved and uploaded before training goes on."""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.artifacts.server import ObjectStore
from benchmarks.training import checkpoint_stall_job
from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.distributed.launch import run_job

TARGET = 0.05


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Medians over the saves but the first, whose buffers are new. One rank: the other cores are free to write."""
    with tempfile.TemporaryDirectory(prefix="checkpoint-benchmark-") as name, ObjectStore(Path(name)) as address:
        work = Workspace(ArtifactStore(address), "benchmarks.training", sha256_of("stall"), Path(name) / "work")
        results = run_job(work, checkpoint_stall_job.__name__, {"saves": arguments.rounds + 1}, ranks=1)
        found = json.loads((results / checkpoint_stall_job.RESULT).read_text())
    blocking, stall = (statistics.median(found[way][1:]) for way in ("blocking", "stall"))
    slowdown = statistics.median(found["beside"]) / statistics.median(found["alone"])
    print(f"{found['parameters'] / 1e6:.1f} M parameters, {found['megabytes']} MB: blocking {blocking:.2f} s, ", end="")
    print(f"stall {stall:.3f} s (first {found['stall'][0]:.3f} s), a step beside the writer takes x {slowdown:.2f}")
    return {
        "parameters": found["parameters"],
        "megabytes": found["megabytes"],
        "blocking_seconds": round(blocking, 3),
        "stall_seconds": round(stall, 4),
        "first_stall_seconds": round(found["stall"][0], 4),
        "ratio": round(stall / blocking, 4),
        "seconds_to_commit": round(statistics.median(found["written"]), 2),
        "slowdown_while_writing": round(slowdown, 3),
        "targets": {"ratio": TARGET},
        "passed": stall / blocking < TARGET,
    }
