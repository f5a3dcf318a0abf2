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
# the interval of chrF may reach below what is tolerated by so much: 30 answers are not surer than that
UNSURE = 3.0
Step = Literal["wait", "go_on", "roll_back"]


@dataclass(frozen=True)
class Observed:
    """What one model has answered: traffic and probes together."""

    requests: int = 0
    bad: int = 0
    """Of those, failed for no fault of the client's, or without any text."""
    first_token: Times = field(default_factory=Times)
    token_gap: Times = field(default_factory=Times)
    begun: int = 0
    under_way: int = 0
    """Of those that were begun, not ended: what hangs is not seen otherwise."""

    @classmethod
    def of(cls, traffic: ModelTraffic) -> "Observed":
        """Of a model's traffic: what clients gave up or asked wrongly does not count, what another had to answer in its
        place does."""
        requests = max(0, traffic.requests + traffic.retried - traffic.cancelled - traffic.refused)
        bad = min(requests, traffic.failed + traffic.empty + traffic.retried)
        under_way = max(0, traffic.begun - traffic.requests - traffic.retried)
        return cls(requests, bad, traffic.first_token, traffic.token_gap, traffic.begun, under_way)

    def __add__(self, other: "Observed") -> "Observed":
        first, gap = Times(), Times()
        for one in (self, other):
            first.merge(one.first_token)
            gap.merge(one.token_gap)
        requests, bad = self.requests + other.requests, self.bad + other.bad
        return Observed(requests, bad, first, gap, self.begun + other.begun, self.under_way + other.under_way)


@dataclass(frozen=True)
class Decision:
    """What to do, and why."""

    step: Step
    reason: str


class Looks:
    """When a phase is looked at, and what each look may spend of the risk of taking an equal model for a worse one.

    At counts that double, each look half of what the one before spent; `phases` spend alike. Looked at more often, an
    equal model would be found worse sooner or later.
    """

    def __init__(self, least: int, phases: int) -> None:
        self.least, self.risk = least, 1.0 / phases

    def is_due(self, requests: int) -> bool:
        """Whether there is enough for the next look at traffic; then that look is yet further away."""
        due = requests >= self.least
        while requests >= self.least:
            self.least *= 2
        return due

    def spend(self) -> float:
        """The share of the whole risk that this look may take."""
        self.risk /= 2
        return self.risk


def decide(
    candidate: Observed,
    champion: Observed | None,
    pairs: Sequence[tuple[float, float]],
    config: DeployConfig,
    *,
    over: bool,
    risk: float = 1.0,
) -> Decision:
    """Whether the candidate goes on, goes back, or more must be seen.

    `pairs` are the chrF of the champion's and of the candidate's answer to one question each. `over`: nothing more
    will be seen, and what is undecided goes back, except for times within their targets, and failures no more than
    tolerated among many answers. `risk`: the share of 1 - confidence that this look may spend on going back. Without
    a champion only failures and empty answers count.
    """
    surely = NormalDist().inv_cdf(1 - (1 - config.confidence) * risk)
    checks = [_errors(candidate, champion, config, surely, over=over)]
    if champion is not None:
        checks += [
            _times("first token", candidate.first_token, champion.first_token, config, surely, over=over),
            _times("token gap", candidate.token_gap, champion.token_gap, config, surely, over=over),
            _quality(pairs, config),
        ]
    for wanted in ("roll_back", "wait"):
        found = [one for one in checks if one.step == wanted]
        if found:
            told = "; ".join(one.reason for one in found)
            return Decision("roll_back", f"undecided: {told}") if over else Decision(found[0].step, told)
    return Decision("go_on", "; ".join(one.reason for one in checks))


def _errors(
    candidate: Observed, champion: Observed | None, config: DeployConfig, sure: float, *, over: bool
) -> Decision:
    """One-sided on the difference of two shares (Newcombe's hybrid of Wilson's intervals)."""
    if not candidate.requests:
        return Decision("wait", "no answer yet")
    told = f"{candidate.bad} of {candidate.requests} answers failed or empty"
    z = NormalDist().inv_cdf(config.confidence)
    (share, low, _), (base, _, base_high) = _share(candidate, sure), _share(champion, sure)
    (_, _, high), (_, base_low, _) = _share(candidate, z), _share(champion, z)
    if champion is not None and champion.requests:
        told += f", the champion's {champion.bad} of {champion.requests}"
    surely = share - base - math.hypot(share - low, base_high - base)
    at_most = share - base + math.hypot(high - share, base - base_low)
    if surely > 0 and share - base > config.more_errors:
        return Decision("roll_back", told)
    within = over and candidate.requests >= 2 * config.least_requests and share - base <= config.more_errors
    return Decision("go_on" if at_most <= config.more_errors or within else "wait", told)


def _share(seen: Observed | None, z: float) -> tuple[float, float, float]:
    """Of bad answers, with its interval; none of a model that was not asked."""
    if seen is None or not seen.requests:
        return 0.0, 0.0, 0.0
    return (seen.bad / seen.requests, *share_interval(seen.bad, seen.requests, z))


def _times(name: str, candidate: Times, champion: Times, config: DeployConfig, sure: float, *, over: bool) -> Decision:
    """One-sided on the share of the candidate's times that are neither within the target nor usual for the champion."""
    if not candidate.count:
        # an answer of one token has no gaps; errors tell of one without a first token
        return Decision("go_on", f"no {name}")
    target = config.first_token_seconds if name == "first token" else config.token_gap_seconds
    limit = max(target, config.slower * (champion.quantile(USUAL) or 0))
    late = sum(candidate.counts[bin_of(limit) + 1 :])
    low, _ = share_interval(late, candidate.count, sure)
    _, high = share_interval(late, candidate.count, NormalDist().inv_cdf(config.confidence))
    told = f"{name} later than {limit:.3g} s: {late} of {candidate.count}"
    if low > config.late_share:
        return Decision("roll_back", told)
    within = over and late / candidate.count <= config.late_share and (candidate.quantile(USUAL) or 0) <= target
    return Decision("go_on" if high <= config.late_share or within else "wait", told)


def _quality(pairs: Sequence[tuple[float, float]], config: DeployConfig) -> Decision:
    """Paired: surely worse, and by more than what is tolerated, goes back; what may be far worse does not go on."""
    if not pairs:
        return Decision("go_on", "no answer has a reference")
    mean, low, high = paired_bootstrap([one for one, _ in pairs], [other for _, other in pairs])
    told = f"chrF {mean:+.1f} ({low:+.1f} to {high:+.1f}) on {len(pairs)} questions"
    if mean >= -config.worse_chrf and low >= -UNSURE * config.worse_chrf:
        return Decision("go_on", told)
    return Decision("roll_back" if high < 0 and mean < -config.worse_chrf else "wait", told)


def bin_of(seconds: float) -> int:
    """The bin of traffic's histograms that a duration lies in."""
    return next((number for number, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
