"""How near sampled rows are to real ones, and which are near copies of a row that the model has seen."""

from collections.abc import Sequence
from typing import Any, NamedTuple

QUANTILES = {"least": 0.0, "1%": 0.01, "5%": 0.05, "25%": 0.25, "median": 0.5, "75%": 0.75}
# a near copy lies within a tenth of the usual distance between people's rows, and half as far from a seen row as
# from any that the model has not seen
USUAL_PART = 10
OTHERS_PART = 2
RESAMPLES = 1000


class Nearness(NamedTuple):
    """Of one table's sampled rows to the real ones."""

    share: float
    """Near copies of seen rows, less those of unseen ones, which chance alone gives; of the sampled rows."""
    low: float
    """Its lower bound, from resampling root records."""
    distances: dict[str, dict[str, float]]
    """Distances to the closest record by quantile; 0: equal in each column, 1: different in all."""


def measure_nearness(
    seen: Any, unseen: Any, points: Any, units: Sequence[str], columns: int, error: float, seed: int
) -> Nearness:
    """How near `points` are to the points of both halves, in L1 of `columns` columns.

    `units` are the root records of all rows of `seen`, then of `unseen`; `error` is that of the lower bound.
    """
    import numpy

    (to_seen, of_seen), (to_unseen, of_unseen) = (_closest(half, points) for half in (seen, unseen))
    between = _closest(seen, unseen)[0], _closest(unseen, seen)[0]
    usual = float(numpy.median(numpy.concatenate(between)))
    copies = _much_nearer(to_seen, to_unseen, usual)
    chance = _much_nearer(to_unseen, to_seen, usual)
    names, unit_of = numpy.unique(numpy.array(units), return_inverse=True)
    size = len(names)
    gained = numpy.bincount(unit_of[of_seen[copies]], minlength=size)
    lost = numpy.bincount(unit_of[len(seen) + of_unseen[chance]], minlength=size)
    drawn = numpy.random.default_rng(seed).multinomial(size, [1 / size] * size, size=RESAMPLES)
    shares = drawn @ (gained - lost) / len(points)
    return Nearness(
        round(float((gained - lost).sum() / len(points)), 4),
        round(float(numpy.quantile(shares, error)), 4),
        {
            "synthetic to seen": _quantiles(to_seen / columns),
            "synthetic to kept": _quantiles(to_unseen / columns),
            "kept to seen": _quantiles(between[0] / columns),
        },
    )


def _closest(to: Any, points: Any) -> tuple[Any, Any]:
    """Distance of each point to the closest of `to`, and which it is."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=1, metric="manhattan", algorithm="brute").fit(to).kneighbors(points)
    return found[0][:, 0], found[1][:, 0]


def _much_nearer(one: Any, other: Any, usual: float) -> Any:
    return (one < usual / USUAL_PART) & (one < other / OTHERS_PART)


def _quantiles(values: Any) -> dict[str, float]:
    import numpy

    return {name: round(float(numpy.quantile(values, part)), 4) for name, part in QUANTILES.items()}
