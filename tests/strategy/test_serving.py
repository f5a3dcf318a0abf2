"""Latency and replicas of serving, against numbers computed by hand and against what must always hold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.strategy.serving import Replica, replicas_in_time

# 10^9 weights of 2 bytes, 10^5 bytes of cache a token, 10 GB, 1 TB a second, 10^14 operations a second
REPLICA = Replica(10**9, 2.0, 1e5, 1e10, 1e12, 1e14)


def test_the_time_of_an_answer() -> None:
    # 2 x 10^9 x 1000 / 10^14
    assert REPLICA.prompt_seconds(1000) == pytest.approx(0.02)
    # one stream: (2x10^9 + 2000 x 10^5) / 10^12
    assert REPLICA.step_seconds(1, 2000) == pytest.approx(0.0022)
    # without a cache to read, 200 streams are bound by 2 x 10^9 x 200 / 10^14
    assert REPLICA.step_seconds(200, 0) == pytest.approx(0.004)
    # 4 prompts of 0.02 s and 100 tokens of (2x10^9 + 4 x 1100 x 10^5) / 10^12
    assert REPLICA.answer_seconds(4, 1000, 100) == pytest.approx(0.08 + 100 * 0.00244)


def test_memory_bounds_the_streams() -> None:
    # 8 GB beside the weights / (1000 x 10^5)
    assert REPLICA.streams_that_fit(1000) == 80
    assert Replica(10**9, 2.0, 1e5, 1e9, 1e12, 1e14).streams_that_fit(1000) == 0


def test_latency_bounds_the_streams() -> None:
    most = REPLICA.streams_in_time(1000, 100, 1.0, None, 64)
    assert REPLICA.answer_seconds(most, 1000, 100) <= 1.0 < REPLICA.answer_seconds(most + 1, 1000, 100)
    # 0.02 s a prompt, one after another
    assert REPLICA.streams_in_time(1000, 100, 1.0, 0.1, 64) == 5
    assert REPLICA.streams_in_time(1000, 100, 0.1, None, 64) == 0
    assert REPLICA.streams_in_time(10, 1, 1.0, None, 7) == 7


@pytest.mark.parametrize(
    ("users", "requests", "count"),
    [
        # 4 at once in 3 s, 10 s allowed: three rounds, 12 users a replica
        (12, 0.0, 1),
        (13, 0.0, 2),
        # 3 arrive a second and each takes 3 s: 9 in flight
        (1, 3.0, 3),
        (0, 0.0, 1),
    ],
)
def test_replicas_keep_the_latency_and_keep_up(users: int, requests: float, count: int) -> None:
    assert replicas_in_time(users, requests, 4, 3.0, 10.0) == count


@given(
    users=st.integers(1, 10**5),
    requests=st.floats(0, 1e4),
    streams=st.integers(1, 500),
    seconds=st.floats(0.01, 100),
    slack=st.floats(1, 20),
)
def test_replicas_suffice_and_one_fewer_does_not(
    users: int, requests: float, streams: int, seconds: float, slack: float
) -> None:
    latency = seconds * slack
    count = replicas_in_time(users, requests, streams, seconds, latency)
    rounds = math.floor(latency / seconds)

    def enough(replicas: int) -> bool:
        in_flight = requests * seconds <= replicas * streams * (1 + 1e-12)
        return in_flight and users <= replicas * streams * rounds

    assert enough(count)
    assert count == 1 or not enough(count - 1)


def test_what_was_measured_on_two_cores_is_predicted_within_a_quarter() -> None:
    # SmolLM2-135M in int8 with OpenVINO on one thread: 85 tokens a second on one stream
    core = Replica(134_515_008, 1.0, 23_040, 3.6e9, 20e9 * 0.6, 0.4e12 * 0.4)
    assert 1 / core.step_seconds(1, 64) == pytest.approx(85, rel=0.25)
