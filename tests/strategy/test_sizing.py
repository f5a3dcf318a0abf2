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


def test_training_of_published_models() -> None:
    # GPT-3: 175e9 parameters, 300e9 tokens, 3.14e23 operations (Brown et al. 2020, table D.1)
    assert sizing.training_operations(175 * 10**9, 300 * 10**9) == pytest.approx(3.14e23, rel=0.01)
    # LLaMA-65B: 1.4e12 tokens took 1,022,362 hours of an A100 of 312e12 (Touvron et al. 2023, table 15): half the peak
    operations = sizing.training_operations(65_200_000_000, 14 * 10**11)
    hours = sizing.training_seconds(operations, 2048, 312e12, 0.477) * 2048 / 3600
    assert hours == pytest.approx(1_022_362, rel=0.01)


def test_attention_beside_the_weights() -> None:
    # PaLM-540B at 2048 tokens: 6 N = 3.24e12, 12 L H Q T = 12 x 118 x 48 x 256 x 2048 = 3.56e10, half of it masked
    share = sizing.attention_share(540 * 10**9, 118, 48 * 256, 2048)
    assert share == pytest.approx(3.56e10 / 2 / 3.24e12, rel=0.01)


def test_cache_of_llama_2_70b_with_grouped_queries_is_a_third_of_a_megabyte_a_token() -> None:
    # 2 x 80 layers x 8 heads x 128 values x 2 bytes
    assert sizing.cache_bytes_per_token(80, 8, 128, 2) == 327_680


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
