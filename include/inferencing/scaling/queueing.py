"""How many engines keep the declared share of answers in time: a birth-death chain with load-dependent service.

Answers come as a Poisson stream and leave at the rate that the engines have with as many of them at once; what an
answer finds decides how long it takes (Poisson arrivals see time averages). With a rate that does not depend on load
this is Erlang's C formula, and what it asks for follows the square-root rule (Halfin and Whitt, 1981): the load, and a
multiple of its root.
"""

from collections.abc import Callable

from include.inferencing.scaling.capacity import Capacity


def late_share(rate: float, capacity: Capacity, engines: int, late: Callable[[float], float]) -> float:
    """Of the answers asked for at `rate` a second, the share that comes late; 1 where the queue grows for ever.

    `late` gives the share with so many streams on each engine. Answers are spread evenly, and one that finds all
    places taken is late.
    """
    total = engines * capacity.most_streams
    most = engines * capacity.rate(capacity.most_streams)
    if rate <= 0:
        return 0.0
    if rate >= most:
        return 1.0
    # weight of n answers at once, relative to that of none, times what an answer finds that comes then
    weight, whole, missed = 1.0, 1.0, late(1.0)
    for count in range(1, total):
        streams = max(1.0, count / engines)
        weight *= rate / (min(count, engines) * capacity.rate(streams))
        whole += weight
        missed += weight * late(max(1.0, (count + 1) / engines))
        if weight < whole * 1e-12 and streams > 1:
            return missed / whole
        if whole > 1e200:
            weight, whole, missed = weight / 1e200, whole / 1e200, missed / 1e200
    full = weight * rate / most / (1 - rate / most)
    return (missed + full) / (whole + full)


def engines_for(
    rate: float, capacity: Capacity, latency: float, first_token: float | None, share: float, most: int
) -> int:
    """The least number of engines, up to `most`, with at most a share `share` of answers late."""

    def late(streams: float) -> float:
        return capacity.late(streams, latency, first_token)

    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if late_share(rate, capacity, middle, late) <= share:
            high = middle
        else:
            low = middle + 1
    return low
