"""Candidates side by side: who is dominated, and whether two of them differ beyond chance."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.evaluation.measures import measure
from include.evaluation.statistics import paired_bootstrap
from include.training.config import SelectConfig

COSTS = ("seconds_per_token", "peak_memory_gb")


@dataclass(frozen=True)
class Rival:
    """A model, what is known of it, and how it did on the held-out questions."""

    ref: ArtifactRef
    evaluation: ArtifactRef
    info: dict[str, Any]
    metrics: dict[str, Any]
    excluded: str

    @property
    def name(self) -> str:
        return str(self.info["name"])


class Difference(NamedTuple):
    """How much worse a rival is than the best on the same questions: above 0 worse, in the measure's unit."""

    mean: float
    low: float
    high: float
    questions: int

    @property
    def beyond_chance(self) -> bool:
        return self.low > 0


def badness(rival: Rival, name: str) -> float:
    """The value of a measure, negated where more is better."""
    return float(rival.metrics[name]) * _sign(name)


def axes(rivals: Sequence[Rival], indicator: str) -> list[str]:
    """Quality, time and memory, as far as all have been measured."""
    return [indicator, *(cost for cost in COSTS if all(cost in rival.metrics for rival in rivals))]


def front(rivals: Sequence[Rival], names: Sequence[str]) -> list[Rival]:
    """Those that no other beats in one of the measures without losing in another."""
    return [one for one in rivals if not any(_dominates(other, one, names) for other in rivals)]


def _dominates(one: Rival, other: Rival, names: Sequence[str]) -> bool:
    pairs = [(badness(one, name), badness(other, name)) for name in names]
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def difference(store: ArtifactStore, best: Rival, rival: Rival, config: SelectConfig) -> Difference | None:
    """By how much a rival is worse than the best, question by question.

    None where the measure has no value of each question, or fewer than two were answered by both.
    """
    found = measure(config.indicator)
    column = found.column if found else ""
    ours, theirs = _values(store, best, column), _values(store, rival, column)
    both = sorted(ours.keys() & theirs.keys())
    if not column or len(both) < 2:
        return None
    sign = _sign(config.indicator)
    pairs = [sign * ours[one] for one in both], [sign * theirs[one] for one in both]
    return Difference(*paired_bootstrap(*pairs, config.seed, config.resamples), len(both))


def _values(store: ArtifactStore, rival: Rival, column: str) -> dict[str, float]:
    rows = map(json.loads, store.read(rival.evaluation, "answers.jsonl").decode().splitlines())
    return {row["id"]: float(row[column]) for row in rows if row.get(column) is not None}


def _sign(name: str) -> int:
    found = measure(name)
    return -1 if found and found.good == "at_least" else 1
