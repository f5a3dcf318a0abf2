"""Two loops that did the same steps in turns."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

TARGET = 0.97
# of each round: what the first steps warm up is not measured
WARMED = 3


def compared(seconds: Mapping[str, Sequence[Sequence[float]]], against: str, tokens: int) -> dict[str, Any]:
    """Tokens a second of `ours` and of `against`, the medians of all rounds, and the median of the rounds' ratios.

    `seconds`: of each step of each round, by loop; a step reads `tokens`. Prints a table.
    """
    speeds = {
        name: [tokens / statistics.median(steps[WARMED:]) for steps in seconds[name]] for name in ("ours", against)
    }
    ratio = statistics.median(ours / other for ours, other in zip(speeds["ours"], speeds[against], strict=True))
    medians = {name: round(statistics.median(values)) for name, values in speeds.items()}
    print(f"{'loop':<8} {'tokens/s':>9} {'slowest':>9} {'fastest':>9}")
    for name, values in speeds.items():
        print(f"{name:<8} {medians[name]:>9} {min(values):>9.0f} {max(values):>9.0f}")
    return {
        "tokens_per_second": medians["ours"],
        f"{against}_tokens_per_second": medians[against],
        "ratio": round(ratio, 4),
        "targets": {"ratio": TARGET},
        "passed": ratio >= TARGET,
    }
