"""How many engines keep the declared share of answers in time: a birth-death chain with load-dependent service.

Answers come as a Poisson stream and leave at the rate that the engines have with as many of them at once; an answer
that finds a place free is in time. With a service rate that does not depend on load this is Erlang's C formula, and
what it asks for follows the square-root rule (Halfin and Whitt, 1981): load plus a multiple of its root.
"""

from include.inferencing.scaling.capacity import Capacity


def late_share(rate: float, capacity: Capacity, engines: int, places: int) -> float:
    """Of the answers asked for at `rate` a second, those that find all places taken; 1 where the queue grows forever.

    `places` is of one engine; answers are spread evenly over the engines.
    """
    total = engines * places
    most = engines * capacity.rate(places)
    if rate <= 0:
        return 0.0
    if rate >= most:
        return 1.0
    # weight of n answers at once, relative to that of n = 0; kept small by scaling
    weight, below = 1.0, 1.0
    for count in range(1, total + 1):
        streams = max(1.0, count / engines)
        weight *= rate / (min(count, engines) * capacity.rate(streams))
        if count < total:
            below += weight
        if below > 1e200:
            weight, below = weight / 1e200, below / 1e200
    above = weight / (1 - rate / most)
    return above / (below + above)


def engines_for(rate: float, capacity: Capacity, places: int, late: float, most: int) -> int:
    """The least number of engines, up to `most`, with at most a share `late` of answers late."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if late_share(rate, capacity, middle, places) <= late:
            high = middle
        else:
            low = middle + 1
    return low
