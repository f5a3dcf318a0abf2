"""The one decision: how many servers, and how many instances in each, for the declared latency at the least cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.forecast import expected_rate
from include.inferencing.scaling.queueing import engines_for

# more load than was seen, for which fewer servers must still suffice before one leaves
RESERVE = 1.1
# share of its throughput that an engine is planned for where the declared latency is out of reach
BUSY = 0.9
# a backlog is to be gone after so long
CLEAR_SECONDS = 60.0
# traffic older than this decides nothing: where no gateway writes, there may be any load
STALE_SECONDS = 30.0
# minutes that a decision looks back on
HISTORY = 60


@dataclass(frozen=True)
class ModelLoad:
    """What one model is asked for. `rates`: answers a second in whole minutes, oldest first; `count`: of the minute
    under way; `season`: the rate at this time and after a boot on other days."""

    capacity: Capacity
    rates: tuple[float, ...] = ()
    count: int = 0
    waiting: int = 0
    season: tuple[float, float] | None = None


@dataclass(frozen=True)
class Observed:
    """What traffic shows. `second`: of the minute under way; `age`: seconds since gateways wrote last; `seen`: whole
    minutes before this one that documents show without a gap."""

    models: Mapping[str, ModelLoad] = field(default_factory=dict)
    second: float = 0.0
    age: float = 0.0
    failed: int = 0
    seen: int = HISTORY


class Current(NamedTuple):
    """What there is: servers, instances of each model in a server, and seconds since the servers changed."""

    servers: int
    instances: Mapping[str, int]
    since: float


class Target(NamedTuple):
    """The declared latency of a model: this share of answers within these seconds."""

    share: float
    latency: float
    first_token: float | None = None


class Bounds(NamedTuple):
    """What is allowed. `engines`: instances in all servers together, 0 where each server has a machine of its own."""

    floor: int
    ceiling: int
    instances: int
    engines: int = 0
    price: float = 0.0
    cost: float | None = None
    stabilization: float = 300.0
    boot: float = 20.0

    @property
    def most_servers(self) -> int:
        """Servers that ceiling, cost and machine allow; the floor runs in any case."""
        paid = self.cost / self.price + 1e-9 if self.cost is not None and self.price else self.ceiling
        return max(self.floor, math.floor(min(self.ceiling, paid, self.engines or self.ceiling)))

    def most_instances(self, servers: int) -> int:
        """Instances that each of `servers` may have."""
        return max(1, min(self.instances, self.engines // servers) if self.engines else self.instances)

    def servers_for(self, engines: float) -> int:
        """The least number of servers with room for so many instances, else that with the most room."""
        counts = range(self.floor, self.most_servers + 1)
        return max(counts, key=lambda count: (min(count * self.most_instances(count), engines), -count))


class Decision(NamedTuple):
    """Servers, instances of each model in a server, and why."""

    servers: int
    instances: dict[str, int]
    reason: str


def decide(observed: Observed, current: Current, target: Mapping[str, Target], bounds: Bounds) -> Decision:
    """Up at once to what is needed when a server asked for now can answer; down to what sufficed for a while.

    Pure: the same arguments give the same decision. Failed servers count for nothing, and are made good within the
    bounds; so does a model without a target. Minutes that no document shows are not quiet ones: nothing leaves by them.
    """
    if observed.age > STALE_SECONDS:
        kept = _bounded(current.servers, bounds)
        age = f"{observed.age:.0f} s old" if math.isfinite(observed.age) else "not there"
        return Decision(kept, _kept(current, kept, bounds), f"traffic is {age}: kept")
    expected, lasting, why = _rates(observed, bounds)
    needed = _engines(expected, observed, target, bounds)
    leaving = _engines({model: rate * RESERVE for model, rate in lasting.items()}, observed, target, bounds)
    healthy = current.servers - observed.failed
    may_leave = current.since >= bounds.stabilization and observed.seen >= min(_window(bounds), HISTORY)
    up, down = bounds.servers_for(sum(needed.values())), bounds.servers_for(sum(leaving.values()))
    servers = up if up > healthy else max(up, down) if down < healthy and may_leave else healthy
    wanted = _bounded(servers + observed.failed, bounds)
    working = max(1, wanted - observed.failed)
    most, instances = bounds.most_instances(wanted), {}
    for model in needed:
        now = min(most, current.instances.get(model, 1))
        least, enough = (min(most, max(1, math.ceil(n[model] / working))) for n in (needed, leaving))
        instances[model] = least if least > now else max(least, enough) if may_leave else now
    failed = f", {observed.failed} failed" if observed.failed else ""
    return Decision(wanted, instances, f"{why}: {sum(needed.values()):.2g} instances needed{failed}")


def _rates(observed: Observed, bounds: Bounds) -> tuple[dict[str, float], dict[str, float], str]:
    """Answers a second by model: expected when a server asked for now is up, and the most of the last while; why."""
    expected, lasting, why = {}, {}, []
    for model, load in observed.models.items():
        rate, cause = expected_rate(load.rates, load.count, observed.second, bounds.boot, load.season)
        expected[model] = rate + load.waiting / CLEAR_SECONDS
        lasting[model] = max((expected[model], *load.rates[-_window(bounds) :]))
        why.append(f"{model} {expected[model]:.3g}/s by {cause}")
    return expected, lasting, "; ".join(why) or "no traffic"


def _window(bounds: Bounds) -> int:
    """Whole minutes of the stabilization window."""
    return max(1, math.ceil(bounds.stabilization / 60))


def _engines(
    rates: Mapping[str, float], observed: Observed, target: Mapping[str, Target], bounds: Bounds
) -> dict[str, float]:
    """Instances by model, in all servers; a model that does not fill one counts by its share of it."""
    most, needed = bounds.most_servers * bounds.instances, {}
    for model, rate in rates.items():
        wish, capacity = target.get(model), observed.models[model].capacity
        if wish is None:
            continue
        places = capacity.places(1 - wish.share, wish.latency, wish.first_token)
        # where an answer is late even alone, no number of servers helps: they only keep the queue from growing
        fullest = capacity.rate(places or capacity.most_streams)
        if places:
            engines = engines_for(rate, capacity, wish.latency, wish.first_token, 1 - wish.share, most)
        else:
            engines = min(most, math.ceil(rate / (BUSY * fullest)))
        needed[model] = float(engines) if engines > 1 else min(1.0, rate / fullest)
    return needed


def _bounded(servers: int, bounds: Bounds) -> int:
    return min(max(servers, bounds.floor), bounds.most_servers)


def _kept(current: Current, servers: int, bounds: Bounds) -> dict[str, int]:
    most = bounds.most_instances(servers)
    return {model: min(most, max(1, count)) for model, count in current.instances.items()}
