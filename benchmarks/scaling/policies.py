"""What is compared: the decision of this project, fixed fleets, and the threshold rule of a Kubernetes autoscaler."""

import math
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from benchmarks.scaling.load import Scenario
from benchmarks.scaling.simulator import MODEL, START, View
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Current, Target, decide
from include.inferencing.scaling.observe import observe
from include.inferencing.scaling.queueing import engines_for
from include.inferencing.scaling.scale import Change, Scale
from include.inferencing.traffic import Minute, minute_of


class Decided:
    """`decide` on what traffic documents say; it is declared a capacity that is wrong, and measures its own."""

    name = "decide"

    def __init__(
        self, declared: Capacity, target: Target, bounds: Bounds, servers: int, yesterday: Sequence[Minute] = ()
    ) -> None:
        self.declared, self.target, self.bounds, self.yesterday = declared, target, bounds, yesterday
        self.scale, self.changed = Scale(servers=servers, wanted=servers), 0.0

    def tick(self, view: View) -> int:
        """As the scaler does, with the simulation's clock."""
        now = START + timedelta(seconds=view.now)
        minute = int(view.now // 60)
        near = self.yesterday[max(0, minute - 5) : minute + 10]
        observed = observe(
            view.minutes,
            near,
            self.scale,
            now,
            {MODEL: self.declared},
            {MODEL: self.target.share},
            self.bounds.boot,
            START + timedelta(seconds=view.written),
            view.failed,
        )
        current = Current(self.scale.wanted, self.scale.instances, view.now - self.changed)
        decision = decide(observed, current, {MODEL: self.target}, self.bounds)
        if decision.servers != self.scale.wanted:
            self.changed = view.now
        changes = self.scale.changes
        if not changes or changes[-1].servers != max(1, view.ready):
            change = Change(at=now.isoformat(), servers=max(1, view.ready), instances={}, reason="")
            changes = (*changes, change)[-100:]
        self.scale = Scale(servers=view.ready, wanted=decision.servers, instances=decision.instances, changes=changes)
        return decision.servers


class Fixed:
    """So many servers, always."""

    def __init__(self, name: str, servers: int) -> None:
        self.name, self.servers = name, servers

    def tick(self, view: View) -> int:
        """Never changes."""
        return self.servers


class Threshold:
    """The HPA's rule: servers in proportion to the answers under way over 70% of a server's places.

    Mean of a minute, tolerance of a tenth, down to the most that was wanted in the last five minutes: its defaults.
    `places` is the true capacity, which an operator would have measured for it.
    """

    name = "threshold"

    def __init__(self, places: int, floor: int, ceiling: int, share: float = 0.7) -> None:
        self.target, self.floor, self.ceiling = share * places, floor, ceiling
        self.seen: deque[tuple[float, float]] = deque()
        self.wished: deque[tuple[float, int]] = deque()

    def tick(self, view: View) -> int:
        """One sync of the autoscaler."""
        if view.written == view.now:
            self.seen.append((view.now, view.under_way / max(1, view.ready)))
        while self.seen and self.seen[0][0] <= view.now - 60:
            self.seen.popleft()
        if not self.seen:
            return view.wanted
        ratio = sum(use for _, use in self.seen) / len(self.seen) / self.target
        wish = view.wanted if abs(ratio - 1) <= 0.1 else math.ceil(max(1, view.ready) * ratio)
        self.wished.append((view.now, wish))
        while self.wished[0][0] <= view.now - 300:
            self.wished.popleft()
        stable = max(wish for _, wish in self.wished)
        return min(self.ceiling, max(self.floor, wish if wish > view.wanted else min(view.wanted, stable)))


def fixed(scenario: Scenario, truth: Capacity, target: Target, ceiling: int) -> tuple[Fixed, Fixed]:
    """A fleet for the peak minute and one for the mean, sized by the same queue with the true capacity."""
    rates = scenario.rates
    sizes = [
        engines_for(rate, truth, target.latency, target.first_token, 1 - target.share, ceiling)
        for rate in (max(rates), sum(rates) / len(rates))
    ]
    return Fixed("fixed, peak", sizes[0]), Fixed("fixed, mean", sizes[1])


def yesterday_of(scenario: Scenario, seed: int) -> list[Minute]:
    """The minutes of the day before, of the same shape and another chance."""
    if not scenario.yesterday:
        return []
    counts: dict[int, int] = {}
    for request in scenario.requests(seed):
        counts[int(request.at // 60)] = counts.get(int(request.at // 60), 0) + 1
    start = START - timedelta(days=1)
    minutes = range(int(scenario.seconds // 60))
    return [Minute(at=minute_of(start + timedelta(minutes=one)), arrived=counts.get(one, 0)) for one in minutes]
