"""The order of rows: each one once an epoch, the same whatever the ranks and wherever one begins."""

from hypothesis import given, settings
from hypothesis import strategies as st

from include.training.order import Order, Place

FILES = st.lists(st.integers(1, 40), min_size=1, max_size=12)
SEEDS, WINDOWS = st.integers(0, 2**31), st.integers(1, 5)


@settings(max_examples=60, deadline=None)
@given(FILES, WINDOWS, SEEDS, st.integers(0, 3))
def test_every_epoch_is_a_permutation(rows: list[int], window: int, seed: int, epoch: int) -> None:
    order = Order(rows, window, seed)

    read = [order.at(epoch * order.size + offset) for offset in range(order.size)]

    assert sorted(read) == [Place(shard, row) for shard, count in enumerate(rows) for row in range(count)]


@settings(max_examples=60, deadline=None)
@given(FILES, WINDOWS, SEEDS, st.sampled_from([1, 2, 3, 4, 6]), st.integers(0, 60))
def test_ranks_divide_the_same_batch_and_a_resumed_run_reads_on(
    rows: list[int], window: int, seed: int, parts: int, step: int
) -> None:
    batch, alone = 12, Order(rows, window, seed)
    whole = [alone.at(position) for position in range((step + 1) * batch)][-batch:]

    share = batch // parts
    # each rank begins at this step, having read nothing before
    divided = [
        Order(rows, window, seed).at(step * batch + part * share + i) for part in range(parts) for i in range(share)
    ]

    assert divided == whole


@settings(max_examples=60, deadline=None)
@given(FILES, WINDOWS, SEEDS, st.integers(0, 500))
def test_a_window_names_the_files_that_its_positions_need(
    rows: list[int], window: int, seed: int, position: int
) -> None:
    order = Order(rows, window, seed)
    end = order.end_of_window(position)

    shards = order.shards_at(position)

    assert len(shards) <= window and position < end
    assert {order.at(one).shard for one in range(position, end)} <= set(shards)
    assert order.shards_at(end - 1) == shards


def test_epochs_and_seeds_differ() -> None:
    def epoch(seed: int, number: int) -> list[Place]:
        order = Order([50, 50], 2, seed)
        return [order.at(number * 100 + offset) for offset in range(100)]

    assert len({tuple(epoch(seed, number)) for seed in (1, 2) for number in (0, 1)}) == 4
