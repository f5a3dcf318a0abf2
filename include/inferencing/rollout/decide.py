"""One pure decision: what was observed of candidate and champion, and whether the rollout goes on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Literal

from include.evaluation.statistics import paired_bootstrap, share_interval
from include.inferencing.config import DeployConfig
from include.inferencing.traffic import BOUNDS, ModelTraffic, Times

# of the champion's answers, so many are faster than what the candidate's are held against
USUAL = 0.9
Step = Literal["wait", "go_on", "roll_back"]


@dataclass(frozen=True)
class Observed:
    """What one model has answered: traffic and probes together."""

    requests: int = 0
    bad: int = 0
    """Of those, failed for no fault of the client's, or without any text."""
    first_token: Times = field(default_factory=Times)
    token_gap: Times = field(default_factory=Times)

    @classmethod
    def of(cls, traffic: ModelTraffic) -> "Observed":
        """Of a model's traffic: what clients gave up does not count, what another had to answer in its place does."""
        requests = max(0, traffic.requests + traffic.retried - traffic.cancelled)
        bad = min(requests, traffic.failed + traffic.empty + traffic.retried)
        return cls(requests, bad, traffic.first_token, traffic.token_gap)

    def __add__(self, other: "Observed") -> "Observed":
        first, gap = Times(), Times()
        for one in (self, other):
            first.merge(one.first_token)
            gap.merge(one.token_gap)
        return Observed(self.requests + other.requests, self.bad + other.bad, first, gap)


@dataclass(frozen=True)
class Decision:
    """What to do, and why."""

    step: Step
    reason: str


def decide(
    candidate: Observed,
    champion: Observed | None,
    pairs: Sequence[tuple[float, float]],
    config: DeployConfig,
    *,
    over: bool,
) -> Decision:
    """Whether the candidate goes on, goes back, or more must be seen.

    `pairs` are the chrF of the champion's and of the candidate's answer to one question each. `over`: nothing more
    will be seen, and what is undecided goes back, except for times within their targets. Without a champion only
    failures and empty answers count.
    """
    checks = [_errors(candidate, champion, config)]
    if champion is not None:
        checks += [
            _times("first token", candidate.first_token, champion.first_token, config, over=over),
            _times("token gap", candidate.token_gap, champion.token_gap, config, over=over),
            _quality(pairs, config),
        ]
    for wanted in ("roll_back", "wait"):
        found = [one for one in checks if one.step == wanted]
        if found:
            told = "; ".join(one.reason for one in found)
            return Decision("roll_back", f"undecided: {told}") if over else Decision(found[0].step, told)
    return Decision("go_on", "; ".join(one.reason for one in checks))


def _errors(candidate: Observed, champion: Observed | None, config: DeployConfig) -> Decision:
    """One-sided on the difference of two shares (Newcombe's hybrid of Wilson's intervals)."""
    if not candidate.requests:
        return Decision("wait", "no answer yet")
    told = f"{candidate.bad} of {candidate.requests} answers failed or empty"
    z = NormalDist().inv_cdf(config.confidence)
    share, (low, high) = candidate.bad / candidate.requests, share_interval(candidate.bad, candidate.requests, z)
    base, (base_low, base_high) = 0.0, (0.0, 0.0)
    if champion is not None and champion.requests:
        base, (base_low, base_high) = (
            champion.bad / champion.requests,
            share_interval(champion.bad, champion.requests, z),
        )
        told += f", the champion's {champion.bad} of {champion.requests}"
    surely = share - base - math.hypot(share - low, base_high - base)
    at_most = share - base + math.hypot(high - share, base - base_low)
    if surely > 0 and share - base > config.more_errors:
        return Decision("roll_back", told)
    return Decision("go_on" if at_most <= config.more_errors else "wait", told)


def _times(name: str, candidate: Times, champion: Times, config: DeployConfig, *, over: bool) -> Decision:
    """One-sided on the share of the candidate's times that are neither within the target nor usual for the champion."""
    if not candidate.count:
        # an answer of one token has no gaps; errors tell of one without a first token
        return Decision("go_on", f"no {name}")
    target = config.first_token_seconds if name == "first token" else config.token_gap_seconds
    limit = max(target, config.slower * (champion.quantile(USUAL) or 0))
    late = sum(candidate.counts[bin_of(limit) + 1 :])
    low, high = share_interval(late, candidate.count, NormalDist().inv_cdf(config.confidence))
    told = f"{name} later than {limit:.3g} s: {late} of {candidate.count}"
    if low > config.late_share:
        return Decision("roll_back", told)
    within = over and late / candidate.count <= config.late_share and (candidate.quantile(USUAL) or 0) <= target
    return Decision("go_on" if high <= config.late_share or within else "wait", told)


def _quality(pairs: Sequence[tuple[float, float]], config: DeployConfig) -> Decision:
    """Paired: surely worse, and by more than what is tolerated, goes back."""
    if not pairs:
        return Decision("go_on", "no answer has a reference")
    mean, low, high = paired_bootstrap([one for one, _ in pairs], [other for _, other in pairs])
    told = f"chrF {mean:+.1f} ({low:+.1f} to {high:+.1f}) on {len(pairs)} questions"
    if mean >= -config.worse_chrf:
        return Decision("go_on", told)
    return Decision("roll_back" if high < 0 else "wait", told)


def bin_of(seconds: float) -> int:
    """The bin of traffic's histograms that a duration lies in."""
    return next((number for number, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
