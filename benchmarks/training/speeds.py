"""Two loops that did the same steps in turns."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

TARGET = 0.97
# of each round: what the first steps warm up is not measured
WARMED = 3


def in_turns(one: T, other: T, rounds: int) -> Iterator[tuple[int, T]]:
    """Both in each round, each of them first in every other one: whoever is first finds other caches."""
    for number in range(rounds):
        yield from ((number, loop) for loop in ((one, other) if number % 2 == 0 else (other, one)))


def compared(seconds: Mapping[str, Sequence[Sequence[float]]], against: str, tokens: int) -> dict[str, Any]:
    """Tokens a second of `ours` and of `against`, the medians of all rounds, and the median of the rounds' ratios.

    `seconds`: of each step of each round, by loop; a step reads `tokens`. A round's speed is that of all its measured
    steps together, so that what is done at some steps only (logs, losses read, files fetched) counts. Prints a table.
    """
    speeds = {name: [tokens / statistics.mean(steps[WARMED:]) for steps in seconds[name]] for name in ("ours", against)}
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
