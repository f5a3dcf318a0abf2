"""What was measured, as a table and as one line."""

import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.serving.clients import Run

TARGETS = {"gateway / bare": 0.95, "gateway / continuous at 8": 4.0}


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Medians of an engine's rounds."""
    speeds = [run.tokens / run.seconds for run in runs]
    first = sorted(one for run in runs for one in run.first)
    return {
        "tokens_per_second": round(statistics.median(speeds), 1),
        "speeds": [round(speed, 1) for speed in speeds],
        "first_token_p50_ms": round(1000 * statistics.median(first)),
        "first_token_p95_ms": round(1000 * first[min(len(first) - 1, int(0.95 * len(first)))]),
    }


def print_table(found: Mapping[str, Mapping[str, Any]]) -> None:
    """A row an engine and number of streams."""
    print(f"{'streams':>7} {'engine':<12} {'tokens/s':>9} {'first p50 ms':>13} {'p95 ms':>8} {'of bare':>8}")
    for streams, engines in found.items():
        for name, told in engines.items():
            of_bare = ratio(told, engines.get("bare"))
            times = f"{told['first_token_p50_ms']:>13} {told['first_token_p95_ms']:>8}"
            print(f"{streams:>7} {name:<12} {told['tokens_per_second']:>9} {times} {of_bare or '-':>8}")


def verdict(found: Mapping[str, Mapping[str, Any]], threads: int) -> dict[str, Any]:
    """The line that the benchmark ends with."""
    ratios = {
        f"{name} / bare at {streams}": value
        for streams, engines in found.items()
        for name in ("gateway", "triton")
        if name in engines and (value := ratio(engines[name], engines.get("bare")))
    }
    eight = found.get("8", {})
    against = ratio(eight["gateway"], eight.get("continuous")) if "gateway" in eight else None
    held = [value >= TARGETS["gateway / bare"] for name, value in ratios.items() if name.startswith("gateway")]
    return {
        "benchmark": "serving",
        "streams": found,
        "ratios": ratios | ({"gateway / continuous at 8": against} if against else {}),
        "targets": TARGETS,
        "passed": bool(held) and all(held) and (against or 0) >= TARGETS["gateway / continuous at 8"],
        "threads": threads,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def ratio(one: Mapping[str, Any], other: Mapping[str, Any] | None) -> float | None:
    """The median of the rounds' ratios: both of a round met the same load."""
    if not other:
        return None
    return round(statistics.median(a / b for a, b in zip(one["speeds"], other["speeds"], strict=True)), 3)
