"""Near-duplicate search, its cost by size, and anonymization, beside other libraries: each part in one run.

Speed depends on what else the machine does; the load average is part of the result.
"""

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

from benchmarks.curation import anonymization, duplicates, scale


def main() -> None:
    """Measure the parts asked for, print tables, and end with one line of JSON."""
    parser = argparse.ArgumentParser(prog="benchmarks.curation", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000, help="documents of the comparison")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="documents of each measured size"
    )
    parser.add_argument("--texts", type=int, default=600, help="texts that are anonymized")
    parts: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
        "anonymization": lambda arguments: anonymization.measure(arguments.texts),
        "duplicates": lambda arguments: duplicates.measure(arguments.documents),
        "scale": lambda arguments: scale.measure(arguments.sizes),
    }
    parser.add_argument("--part", choices=sorted(parts), action="append", help="default: all of them")
    arguments = parser.parse_args()
    found = {name: part(arguments) for name, part in parts.items() if name in (arguments.part or parts)}
    told = {
        "benchmark": "curation",
        **found,
        "passed": all(part["passed"] for part in found.values()),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
