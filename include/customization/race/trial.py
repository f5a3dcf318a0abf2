"""A technique in the gate: what was measured of it, what it cost, and whether it is better beyond chance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.customization.config import GateConfig
from include.customization.race.significance import holm, p_value
from include.evaluation.statistics import paired_bootstrap

SERVABLE = ("lora", "soft_prompt", "weights", "examples")


@dataclass(frozen=True)
class Check:
    """One condition on a model: what was found, what is asked for, and whether it holds."""

    name: str
    found: str
    asked: str
    passed: bool

    @property
    def told(self) -> str:
        """In a verdict."""
        return f"{self.name}: {self.found} (asked: {self.asked})"


@dataclass(frozen=True)
class Difference:
    """Of paired losses, the other's to be below 0 where this one is better: mean, 95% interval, corrected p."""

    mean: float
    low: float
    high: float
    p: float

    def is_better(self, level: float) -> bool:
        """Lower, and not by chance."""
        return self.mean < 0 and self.p <= level

    def is_worse(self, level: float) -> bool:
        """Higher, and not by chance; also where it cannot be told."""
        return not math.isfinite(self.mean) or (self.mean > 0 and self.p <= level)

    def questions_for(self, margin: float, questions: int) -> int | None:
        """About how many questions would show that this is within `margin`, were the mean and the spread those of the
        `questions` at hand; None where the mean is not within it, and so no number would."""
        if not self.mean < margin:
            return None
        return math.ceil(questions * ((self.high - self.mean) / (margin - self.mean)) ** 2)

    def __str__(self) -> str:
        return f"{self.mean:+.3f}, 95% interval [{self.low:+.3f}, {self.high:+.3f}], p {self.p:.3g}"


@dataclass
class Trial:
    """An adapter on the gate.

    `losses` by question, `metrics` of its evaluation; `against` are differences: to the base, the champion, the best.
    `device_seconds` are metered over all of its rungs, `training` is their price, `serving` what its prompt adds to a
    month.
    """

    path: str
    ref: ArtifactRef
    technique: str
    form: str
    metrics: dict[str, Any] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    device_seconds: float = 0.0
    training: float = 0.0
    serving: float = 0.0
    against: dict[str, Difference] = field(default_factory=dict)
    indicators: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the use case calls it."""
        return self.path.rpartition(".")[2]

    @property
    def passes(self) -> bool:
        """All that is asked of it holds."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def mean(self) -> float:
        """Mean loss; lower is better."""
        return sum(self.losses.values()) / len(self.losses) if self.losses else float("inf")

    @property
    def cost(self) -> float:
        """Training, and what it adds to a month of serving."""
        return self.training + self.serving


def compared(
    trials: Sequence[Trial], name: str, before: Mapping[str, float], config: GateConfig, *, correct: bool = True
) -> None:
    """Set each trial's difference to the losses `before`, its p corrected for the number of trials.

    Trials without losses on the very same questions have none.
    """
    able = [trial for trial in trials if trial.losses and trial.losses.keys() == before.keys()]
    ids = sorted(before)
    deltas = [[trial.losses[i] - before[i] for i in ids] for trial in able]
    found = [p_value(delta, config.resamples, config.seed) for delta in deltas]
    for trial, p in zip(able, holm(found) if correct else found, strict=True):
        a, b = [before[i] for i in ids], [trial.losses[i] for i in ids]
        trial.against[name] = Difference(*paired_bootstrap(a, b, config.seed, config.resamples), p)


def winner(trials: Sequence[Trial], config: GateConfig) -> Trial:
    """Of those that pass, the cheapest of all that are not worse than the best beyond chance.

    Where none passes, the one with the lowest loss. Each trial's difference to the best is set.
    """
    passing = [trial for trial in trials if trial.passes]
    best = min(passing or trials, key=lambda trial: (trial.mean, trial.path))
    others = [trial for trial in passing if trial is not best]
    compared(others, "best", best.losses, config)
    if not passing:
        return best
    tied = [best, *(trial for trial in others if not trial.against["best"].is_worse(config.significance))]
    return min(tied, key=lambda trial: (trial.cost, trial.mean, trial.path))
