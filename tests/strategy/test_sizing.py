"""The formulas, against numbers computed by hand or printed in the papers they come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.strategy import sizing


@pytest.mark.parametrize(("stage", "gigabytes"), [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
def test_training_memory_is_that_of_the_zero_paper(stage: int, gigabytes: float) -> None:
    # figure 1 of the paper: 7.5e9 parameters on 64 devices
    memory = sizing.training_memory(7_500_000_000, 64, stage)
    assert memory / 1e9 == pytest.approx(gigabytes, abs=0.05)


@given(parameters=st.integers(1, 10**12), devices=st.integers(1, 4096))
def test_a_higher_zero_stage_never_takes_more_memory(parameters: int, devices: int) -> None:
    memory = [sizing.training_memory(parameters, devices, stage) for stage in sizing.ZERO_STAGES]
    assert memory == sorted(memory, reverse=True)
    assert memory[3] * devices == pytest.approx(16 * parameters)


def test_training_time() -> None:
    # 6 x 10^9 x 2x10^10 = 1.2x10^20; 8 x 10^15 x 0.5 = 4x10^15 a second
    operations = sizing.training_operations(10**9, 2 * 10**10)
    assert operations == pytest.approx(1.2e20)
    assert sizing.training_seconds(operations, 8, 1e15, 0.5) == pytest.approx(30_000)


def test_cache_of_llama_2_7b_is_half_a_megabyte_a_token() -> None:
    # 2 x 32 layers x 32 heads x 128 values x 2 bytes
    assert sizing.cache_bytes_per_token(32, 32, 128, 2) == 524_288


def test_serving_memory() -> None:
    # 1000 weights of 2 bytes; 10 bytes a token, 5 tokens, 3 streams
    assert sizing.serving_memory(1000, 2, 10, 5, 3) == 2150


def test_demand() -> None:
    assert sizing.peak_requests_per_second(86_400, 5) == pytest.approx(5)
    # 40 users within 4 seconds are 10 a second, more than the 5 that arrive
    assert sizing.demanded_tokens_per_second(5, 40, 100, 4) == pytest.approx(1000)
    # 4 users within 4 seconds are fewer than the 5 that arrive
    assert sizing.demanded_tokens_per_second(5, 4, 100, 4) == pytest.approx(500)


@pytest.mark.parametrize(("tokens", "count"), [(0.0, 1), (99.0, 1), (100.0, 1), (100.1, 2), (1000.0, 10)])
def test_replicas_round_up(tokens: float, count: int) -> None:
    assert sizing.replicas(tokens, 100.0) == count


def test_streams_of_the_busiest_replica() -> None:
    assert sizing.streams_a_replica(8, 3) == 3
