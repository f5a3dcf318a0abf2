"""The formulas, against numbers computed by hand or printed in the papers they come from."""

import pytest

from include.strategy import sizing


def test_training_time() -> None:
    # 6 x 10^9 x 2x10^10 = 1.2x10^20; 8 x 10^15 x 0.5 = 4x10^15 a second
    operations = sizing.training_operations(10**9, 2 * 10**10)
    assert operations == pytest.approx(1.2e20)
    assert sizing.training_seconds(operations, 8, 1e15, 0.5) == pytest.approx(30_000)
    # a second forward pass: 8 instead of 6
    assert sizing.training_operations(10**9, 2 * 10**10, recomputed=True) == pytest.approx(1.6e20)


def test_cache_of_llama_2_7b_is_half_a_megabyte_a_token() -> None:
    # 2 x 32 layers x 32 heads x 128 values x 2 bytes
    assert sizing.cache_bytes_per_token(32, 32, 128, 2) == 524_288


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
