"""customization.tune beside TRL's own trainer: `python -m benchmarks.training.tuning`.

LoRA on one model and the same rows, under DeepSpeed, in turns in one job: once as the step trains, with the order of
its own, every step's loss read and its progress told; once by TRL as its documentation says. Speed depends on what
else the machine does; the load average is part of the result.
"""

import argparse
import json
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.artifacts.server import ObjectStore
from benchmarks.training import tuning_job
from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.customization.config import LoraConfig
from include.distributed.launch import run_job

TARGET = 0.97
# of each round: what the first steps warm up is not measured
WARMED = 3


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Tokens a second of both trainers, the medians of all rounds."""
    config = LoraConfig(steps=arguments.steps, save_every=arguments.steps, length=arguments.length)
    spec = {"config": config.model_dump(), "preset": arguments.preset, "rounds": arguments.rounds}
    with tempfile.TemporaryDirectory(prefix="tuning-benchmark-") as name, ObjectStore(Path(name)) as address:
        work = Workspace(ArtifactStore(address), "benchmarks.tuning", sha256_of(spec), Path(name) / "work")
        results = run_job(work, tuning_job.__name__, spec)
        found: dict[str, list[list[float]]] = json.loads((results / tuning_job.RESULT).read_text())
    tokens = config.batch * config.length
    speeds = {one: [tokens / statistics.median(steps[WARMED:]) for steps in found[one]] for one in ("ours", "plain")}
    ratio = statistics.median(ours / plain for ours, plain in zip(speeds["ours"], speeds["plain"], strict=True))
    medians = {one: round(statistics.median(values)) for one, values in speeds.items()}
    print(f"{'trainer':<8} {'tokens/s':>9} {'slowest':>9} {'fastest':>9}")
    for one, values in speeds.items():
        print(f"{one:<8} {medians[one]:>9} {min(values):>9.0f} {max(values):>9.0f}")
    return {
        "preset": arguments.preset,
        "ranks": settings().training_ranks,
        "steps": arguments.steps,
        "rounds": arguments.rounds,
        "tokens_per_second": medians["ours"],
        "plain_tokens_per_second": medians["plain"],
        "ratio": round(ratio, 4),
        "targets": {"ratio": TARGET},
        "passed": ratio >= TARGET,
    }


def main() -> None:
    """Print a table, and one line of JSON."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.training.tuning", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--preset", default="5m", help="size of the model")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds of each trainer")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps of a round")
    parser.add_argument("--length", type=int, default=128, help="tokens of a row")
    found = measure(parser.parse_args())
    told = {"benchmark": "tuning", **found, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
