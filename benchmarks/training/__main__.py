"""Training beside the libraries that it is built on: same model, same data, same machine, in one run.

Speed depends on what else the machine does; the load average is part of the result.
"""

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

from benchmarks.training import checkpoint_stall, pretraining, tuning


def main() -> None:
    """Measure the parts asked for, print tables, and end with one line of JSON."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.training", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--preset", default="5m", help="size of the model from scratch")
    parser.add_argument("--rounds", type=int, default=4, help="measured rounds of each loop")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps of a round")
    parts: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "pretraining": pretraining.measure,
        "tuning": tuning.measure,
        "checkpoint_stall": checkpoint_stall.measure,
    }
    parser.add_argument("--part", choices=sorted(parts), action="append", help="all of them, unless named")
    arguments = parser.parse_args()
    found = {name: part(arguments) for name, part in parts.items() if name in (arguments.part or parts)}
    told = {
        "benchmark": "training",
        **found,
        "passed": all(part["passed"] for part in found.values()),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
