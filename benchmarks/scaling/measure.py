"""Runs of all scenarios under all policies on the same requests, one process a run."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from benchmarks.scaling.load import Scenario, bursty, daily, failing, steady
from benchmarks.scaling.policies import Decided, Threshold, fixed, yesterday_of
from benchmarks.scaling.simulator import Policy, Simulation
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.scaling.decide import Bounds, Target

# a model of 7 billion weights on one GPU, about: 26 ms a token alone, 40 ms beside 12 others
TRUTH = Capacity(base=0.025, slope=0.0012, prompt=0.15, tokens=160, most_streams=64)
# what the decision is told: wrong in all figures, it has to measure
DECLARED = Capacity(base=0.0104, slope=0.00136, prompt=0.05, tokens=96, most_streams=64)
TARGET = Target(share=0.95, latency=15.0, first_token=3.0)
BOOT_SECONDS, CEILING = 60.0, 16
BOUNDS = Bounds(floor=1, ceiling=CEILING, instances=1, price=1.0, boot=BOOT_SECONDS)
POLICIES = ("decide", "fixed, peak", "fixed, mean", "threshold 70%", "threshold 50%")
WINDOW = 300.0


class Run(NamedTuple):
    """What came of one scenario, policy and seed; cost in server hours, lines over time in hours."""

    scenario: str
    policy: str
    seed: int
    answers: int
    in_time: float
    failed: int
    cost: float
    changes: int
    most: int
    ready: list[tuple[float, float]]
    missed: list[tuple[float, float]]


def scenario_of(name: str, seed: int) -> Scenario:
    """A scenario; the bursts come at other times with another seed."""
    made = {"steady": steady, "daily": daily, "failing": failing}
    return bursty(seed) if name == "bursty" else made[name]()


def run(name: str, policy: str, seed: int) -> Run:
    """One run; fleets that change begin with what the mean load needs."""
    scenario = scenario_of(name, seed)
    peak, mean = fixed(scenario, TRUTH, TARGET, CEILING)
    places = TRUTH.places(1 - TARGET.share, TARGET.latency, TARGET.first_token)
    chosen: Policy = {"fixed, peak": peak, "fixed, mean": mean}.get(policy) or (
        Threshold(places, BOUNDS.floor, CEILING, int(policy.split()[1][:-1]) / 100)
        if policy.startswith("threshold")
        else Decided(DECLARED, TARGET, BOUNDS, mean.servers, yesterday_of(scenario, seed + 1000))
    )
    servers = peak.servers if policy == "fixed, peak" else mean.servers
    simulation = Simulation(scenario, chosen, TRUTH, seed, BOOT_SECONDS, servers)
    found = simulation.run()
    late: dict[int, list[bool]] = {}
    for request, first, whole in zip(simulation.requests, found.first, found.whole, strict=True):
        good = whole is not None and whole <= TARGET.latency and (first or 0.0) <= (TARGET.first_token or whole)
        late.setdefault(int(request.at // WINDOW), []).append(not good)
    return Run(
        name,
        policy,
        seed,
        len(found.whole),
        found.share_within(TARGET.latency, TARGET.first_token),
        sum(whole is None for whole in found.whole),
        found.server_seconds / 3600,
        sum(one[1] != other[1] for one, other in zip(found.wanted, found.wanted[1:], strict=False)),
        max(count for _, count in found.wanted),
        [(at / 3600, float(count)) for at, count in found.ready],
        [(place * WINDOW / 3600, 100 * sum(flags) / len(flags)) for place, flags in sorted(late.items())],
    )


def runs(names: Sequence[str], seeds: Sequence[int]) -> list[Run]:
    """All runs, the longest scenario first."""
    order = sorted(names, key=lambda name: name != "daily")
    tasks = [(name, policy, seed) for name in order for policy in POLICIES for seed in seeds]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, *zip(*tasks, strict=True)))
