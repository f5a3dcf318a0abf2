"""The scaling decision: what holds for any load, and what it does to a simulated fleet."""

import math
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling.load import Scenario, bursty, daily, failing, steady
from benchmarks.scaling.policies import Decided, Threshold, fixed, yesterday_of
from benchmarks.scaling.simulator import MODEL, START, Policy, Simulation
from include.inferencing.config import ScalingConfig
from include.inferencing.scaling.capacity import Capacity, Sample, measured, sigma_of
from include.inferencing.scaling.decide import Bounds, Current, Decision, ModelLoad, Observed, Target, decide
from include.inferencing.scaling.forecast import expected_rate, smoothed
from include.inferencing.scaling.observe import engines_at, observe
from include.inferencing.scaling.queueing import engines_for, late_share
from include.inferencing.scaling.scale import Scale
from include.inferencing.scaling.scaler import decided, held
from include.inferencing.traffic import Minute, ModelTraffic, minute_of

TRUTH = Capacity(0.025, 0.0012, 0.15, 160, 64)
# what is declared is wrong by half, as declarations are
DECLARED = Capacity(0.0104, 0.00136, 0.05, 96, 64)
TARGET = Target(0.95, 15.0, 3.0)
CEILING = 16
BOUNDS = Bounds(floor=1, ceiling=CEILING, instances=1, price=1.0, boot=60.0)

rates = st.lists(st.floats(0, 40), max_size=70).map(tuple)
loads = st.builds(
    ModelLoad,
    st.builds(
        Capacity,
        base=st.floats(1e-4, 0.5),
        slope=st.floats(0, 0.05),
        prompt=st.floats(0, 3),
        tokens=st.floats(1, 1000),
        most_streams=st.integers(1, 128),
        sigma=st.floats(0.05, 1.2),
    ),
    rates,
    st.integers(0, 5000),
    st.integers(0, 500),
    st.none() | st.tuples(st.floats(0, 50), st.floats(0, 50)),
)
targets = st.builds(Target, st.floats(0.5, 0.999), st.floats(0.05, 60), st.none() | st.floats(0.05, 20))
bounds = st.builds(
    lambda floor, more, **values: Bounds(floor, floor + more, **values),
    st.integers(1, 5),
    st.integers(0, 20),
    instances=st.integers(1, 4),
    engines=st.sampled_from((0, 1, 2, 8)),
    price=st.floats(0, 5),
    cost=st.none() | st.floats(0.1, 50),
    stabilization=st.floats(0, 900),
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abc"), loads, max_size=3),
    st.floats(0, 60),
    st.floats(0, 2000),
    st.integers(0, 3),
    st.integers(0, 30),
    st.floats(0, 2000),
    targets,
    bounds,
)
def test_never_below_the_floor_or_above_what_is_allowed(
    models: dict[str, ModelLoad],
    second: float,
    age: float,
    failed: int,
    servers: int,
    since: float,
    target: Target,
    within: Bounds,
) -> None:
    current = Current(servers, dict.fromkeys(models, 2), since)
    found = decide(Observed(models, second, age, failed), current, dict.fromkeys(models, target), within)

    assert within.floor <= found.servers <= max(within.floor, within.ceiling)
    if within.cost is not None and found.servers > within.floor:
        assert found.servers * within.price <= within.cost * 1.000001
    for count in found.instances.values():
        assert 1 <= count <= within.instances
        assert not within.engines or count == 1 or count * found.servers <= within.engines


@settings(max_examples=100, deadline=None)
@given(loads, st.floats(0, 60), st.integers(1, 8), st.floats(0, 900), st.floats(1, 5), targets, bounds)
def test_more_load_never_wants_less(
    load: ModelLoad, second: float, servers: int, since: float, factor: float, target: Target, within: Bounds
) -> None:
    def wanted(one: ModelLoad) -> tuple[int, int]:
        observed, current = Observed({MODEL: one}, second), Current(servers, {MODEL: 1}, since)
        found = decide(observed, current, {MODEL: target}, within)
        return found.servers, found.servers * found.instances.get(MODEL, 1)

    more = ModelLoad(
        load.capacity,
        tuple(rate * factor for rate in load.rates),
        math.ceil(load.count * factor),
        math.ceil(load.waiting * factor),
        load.season,
    )
    assert wanted(more)[0] >= wanted(load)[0]


@settings(max_examples=100, deadline=None)
@given(st.floats(0.1, 40), st.integers(1, 12), st.integers(1, 40))
def test_without_an_effect_of_load_it_is_erlang_c(rate: float, engines: int, streams: int) -> None:
    capacity = Capacity(0.01, 0.0, 0.0, 100.0, streams)
    places, load = engines * streams, rate * 1.0
    found = late_share(rate, capacity, engines, lambda among: float(among > streams))
    if load >= places:
        assert found == 1.0
        return
    blocked = 1.0
    for count in range(1, places + 1):
        blocked = load * blocked / (count + load * blocked)
    assert found == pytest.approx(places * blocked / (places - load * (1 - blocked)), rel=1e-6, abs=1e-9)


def test_places_grow_with_the_root_of_the_load() -> None:
    capacity = Capacity(0.01, 0.0, 0.0, 100.0, 1, 0.0)
    for load in (10, 100, 400):
        beyond = engines_for(load, capacity, 1.001, None, 0.05, 1000) - load
        # of Halfin and Whitt's formula for one in twenty that waits
        assert beyond == pytest.approx(1.74 * math.sqrt(load), abs=2)


@settings(max_examples=50, deadline=None)
@given(st.floats(0.005, 0.1), st.floats(0.0, 0.01), st.lists(st.floats(1, 60), min_size=5, max_size=60))
def test_capacity_is_what_traffic_shows(base: float, slope: float, streams: list[float]) -> None:
    samples = [Sample(among, base + slope * among, 1000) for among in streams]
    found = measured(DECLARED, samples)
    for among in streams:
        assert found.step(among) == pytest.approx(base + slope * among, rel=0.15)


def test_the_forecast_follows_growth_and_the_time_of_day() -> None:
    rising = [1.0 + 0.2 * minute for minute in range(20)]
    assert rising[-1] < smoothed(rising, 2) < rising[-1] + 0.8
    assert expected_rate([1.0] * 10, 0, 0, 60, (1.0, 3.0)) == (pytest.approx(3.0), "time of day")
    assert expected_rate([1.0] * 10, 400, 20, 60, None)[1] == "this minute"
    assert sigma_of(2.24, 0.95) == pytest.approx(0.6, rel=0.05)


def test_nothing_leaves_while_traffic_is_stale_or_missing_and_all_do_when_there_is_none() -> None:
    load = ModelLoad(DECLARED, (0.0,) * 10)
    current = Current(5, {MODEL: 1}, 10_000)
    stale = decide(Observed({MODEL: load}, 0, age=60), current, {MODEL: TARGET}, BOUNDS)
    assert stale.servers == 5
    assert "kept" in stale.reason
    assert decide(Observed({MODEL: load}, 0, age=0), current, {MODEL: TARGET}, BOUNDS).servers == 1
    for age in (10_000, math.inf):
        assert decide(Observed({MODEL: load}, 0, age=age), current, {MODEL: TARGET}, BOUNDS).servers == 5


def test_after_an_outage_of_the_store_nothing_leaves_before_documents_show_that_it_is_quiet() -> None:
    now = START + timedelta(minutes=60)
    shown = [Minute(at=minute_of(START + timedelta(minutes=minute)), arrived=300) for minute in range(30)]

    def wanted(minutes: list[Minute], at: timedelta) -> int:
        observed = observe(minutes, [], Scale(), now + at, {MODEL: DECLARED}, {}, 60, now + at)
        return decide(observed, Current(5, {MODEL: 1}, 10_000), {MODEL: TARGET}, BOUNDS).servers

    since = [Minute(at=minute_of(now + timedelta(minutes=minute))) for minute in range(-1, 7)]
    assert [wanted([*shown, *since[: minute + 2]], timedelta(minutes=minute)) for minute in (0, 3, 6)] == [5, 5, 1]


def test_servers_that_somebody_else_starts_are_counted_as_they_are_seen() -> None:
    decision = Decision(3, {MODEL: 2, "other": 1}, "why")
    scale = Scale()
    for minute, live in enumerate((2, 3, 3, 0)):
        scale = decided(scale, decision, START + timedelta(minutes=minute), live)
    assert (scale.servers, [change.servers for change in scale.changes]) == (0, [2, 3])
    assert [engines_at(scale, minute_of(START), model) for model in (MODEL, "other")] == [4, 2]
    assert engines_at(scale, minute_of(START + timedelta(minutes=3)), MODEL) == 6


def test_nothing_leaves_while_nobody_knows_what_is_declared() -> None:
    found = held(Decision(1, {}, "quiet"), Current(4, {MODEL: 2}, 900), ["assistant"])
    assert (found.servers, found.instances) == (4, {MODEL: 2})
    assert "assistant" in found.reason
    assert held(Decision(6, {"other": 1}, "busy"), Current(4, {MODEL: 2}, 900), ["assistant"]).servers == 6


def test_a_failed_server_is_made_good_once() -> None:
    load = ModelLoad(TRUTH, (8.0,) * 20)
    wanted = decide(Observed({MODEL: load}, 1), Current(1, {}, 900), {MODEL: TARGET}, BOUNDS).servers
    for _ in range(3):
        current = Current(wanted + 1, {MODEL: 1}, 900)
        assert decide(Observed({MODEL: load}, 1, failed=1), current, {MODEL: TARGET}, BOUNDS).servers == wanted + 1


def test_a_latency_that_no_answer_keeps_does_not_buy_servers() -> None:
    load = ModelLoad(TRUTH, (2.0,) * 20)
    found = decide(Observed({MODEL: load}, 1), Current(1, {}, 900), {MODEL: Target(0.95, 0.5)}, BOUNDS)
    assert found.servers == 1


def test_instances_come_before_servers() -> None:
    load = ModelLoad(TRUTH, (6.0,) * 20)
    within = BOUNDS._replace(instances=4)
    alone = decide(Observed({MODEL: load}, 1), Current(1, {}, 900), {MODEL: TARGET}, BOUNDS).servers
    found = decide(Observed({MODEL: load}, 1), Current(1, {}, 900), {MODEL: TARGET}, within)
    assert found.servers == math.ceil(alone / 4)
    assert found.servers * found.instances[MODEL] >= alone
    two_cores = decide(Observed({MODEL: load}, 1), Current(1, {}, 900), {MODEL: TARGET}, within._replace(engines=2))
    assert (two_cores.servers, two_cores.instances[MODEL]) == (1, 2)


def test_gateways_are_added_up_and_arrivals_are_shared_by_models() -> None:
    now = START + timedelta(minutes=10, seconds=30)
    asked = [
        Minute(
            at=minute_of(START + timedelta(minutes=minute)),
            arrived=60,
            models={"a": ModelTraffic(requests=45), "b": ModelTraffic(requests=15)},
        )
        for minute in range(11)
        for _ in range(2)
    ]
    found = observe(asked, [], Scale(), now, {"a": DECLARED, "b": DECLARED}, {}, 20, now)
    assert found.models["a"].rates[-3:] == (1.5, 1.5, 1.5)
    assert (found.models["a"].count, found.models["b"].count) == (90, 30)
    assert (found.second, found.age) == (30, 0)


def test_a_ceiling_below_the_floor_is_refused() -> None:
    with pytest.raises(ValueError, match="ceiling 1 is below floor 2"):
        ScalingConfig(floor=2, ceiling=1)


class Result:
    """What came of a scenario under a policy."""

    def __init__(self, scenario: Scenario, policy: Policy, servers: int, seed: int) -> None:
        found = Simulation(scenario, policy, TRUTH, seed, servers=servers).run()
        self.late = 1 - found.share_within(TARGET.latency, TARGET.first_token)
        self.cost = found.server_seconds / 3600
        self.wanted = found.wanted
        self.changes = sum(one[1] != other[1] for one, other in zip(found.wanted, found.wanted[1:], strict=False))


def results(scenario: Scenario, seed: int) -> dict[str, Result]:
    peak, mean = fixed(scenario, TRUTH, TARGET, CEILING)
    ours = Decided(DECLARED, TARGET, BOUNDS, mean.servers, yesterday_of(scenario, seed + 1000))
    threshold = Threshold(TRUTH.places(0.05, TARGET.latency, TARGET.first_token), 1, CEILING)
    starts = {policy.name: (policy, mean.servers) for policy in (ours, mean, threshold)} | {
        peak.name: (peak, peak.servers)
    }
    return {name: Result(scenario, policy, servers, seed) for name, (policy, servers) in starts.items()}


def test_steady_load_does_not_flap() -> None:
    found = results(steady(hours=1.0), seed=1)
    assert found["decide"].late <= 0.05
    assert found["decide"].changes <= 2
    assert found["decide"].changes < found["threshold"].changes


def test_bursts_are_answered_in_time_for_less_than_a_fleet_for_the_peak() -> None:
    found = results(bursty(3, hours=2.0), seed=2)
    assert found["decide"].late <= 0.05
    assert found["decide"].cost < found["fixed, peak"].cost
    assert found["decide"].late < found["fixed, mean"].late
    assert (found["decide"].late, found["decide"].cost) < (found["threshold"].late, found["threshold"].cost)


def test_failures_are_recovered_from() -> None:
    scenario = failing(hours=2.5)
    found = results(scenario, seed=3)["decide"]
    assert found.late <= 0.05
    last = max(trouble.at for trouble in scenario.troubles)
    assert len({wanted for at, wanted in found.wanted if at > last + 400}) <= 2


def test_a_morning_costs_less_than_a_fleet_for_its_peak() -> None:
    """From five to eleven, as yesterday's did."""
    day = daily()
    morning = Scenario("morning", 6 * 3600, lambda at: day.rate(at + 5 * 3600), yesterday=True)
    peak, mean = fixed(morning, TRUTH, TARGET, CEILING)
    ours = Decided(DECLARED, TARGET, BOUNDS, 1, yesterday_of(morning, 1004))
    found = Result(morning, ours, 1, 4)
    assert found.late <= 0.05
    assert found.cost < 0.8 * peak.servers * morning.seconds / 3600
    assert mean.servers < max(wanted for _, wanted in found.wanted) <= peak.servers + 1
