"""Two tasks that compute at once, with OpenMP's threads waiting as this project's tasks do and as they do by default.

Each task trains a small model in a process of its own. Of both ways, taken in turn, the slower task's seconds count;
the median of the rounds.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

from include.core.settings import PROJECT_ROOT
from include.local.airflow import COMPUTING

# width, layers and steps of what is trained
MODELS = {"tiny": (64, 2, 120), "small": (576, 10, 12)}
WAYS = {"default": {}, "this project": COMPUTING}


def slower(shape: tuple[int, ...], variables: dict[str, str], count: int) -> float:
    """Seconds of the slower of `count` tasks that begin together."""
    line = [sys.executable, "-m", "benchmarks.side_by_side.training", *map(str, shape)]
    around = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))} | variables
    tasks = [
        subprocess.Popen(line, env=around, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    told = [task.communicate()[0] for task in tasks]
    if any(task.returncode for task in tasks):
        raise SystemExit("a task failed: its error stands above")
    return max(map(float, told))


def main() -> None:
    """Measure, print a table, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.side_by_side", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{'model':<8} {'tasks':>5} {'default':>9} {'project':>9} {'ratio':>6}   load {os.getloadavg()[0]:.1f}")
    ratios = {}
    for model, shape in MODELS.items():
        for count in (1, 2):
            pairs = [{way: slower(shape, variables, count) for way, variables in WAYS.items()} for _ in range(rounds)]
            default, ours = (statistics.median(pair[way] for pair in pairs) for way in WAYS)
            ratios[f"{model}, {count} at once"] = ratio = round(
                statistics.median(pair["default"] / pair["this project"] for pair in pairs), 2
            )
            print(f"{model:<8} {count:>5} {default:>9.2f} {ours:>9.2f} {ratio:>6.2f}", flush=True)
    print(json.dumps({"benchmark": "side_by_side", "ratios": ratios, "rounds": rounds}))


if __name__ == "__main__":
    main()
