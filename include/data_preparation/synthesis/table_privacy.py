"""What sampled tables give away of the records that their model has seen.

Half of the real records are kept from the model. What the sample says of those it has seen, it must say as well of
those it has not: then it tells of the population, and not of anybody in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.data_preparation.config.tables import DatabaseConfig
from include.data_preparation.documents import rank
from include.data_preparation.synthesis.database import Tables
from include.data_preparation.synthesis.near_copies import measure_nearness

# distances are computed between so many rows at most
MOST_ROWS = 3000
NEIGHBOURS = 16
RESAMPLES = 400
# of all intervals together, shared by what is tried on each table: closeness, near copies, the better of two attacks
ERROR = 0.05
TRIED = 3
ATTACKS = 2


@dataclass(frozen=True)
class Privacy:
    """Of one table; lower bounds are those of 95% intervals over all tables, from resampling root records."""

    table: str
    closer: float
    """Share of sampled rows closest to a row that the model has seen; 0.5: the sample does not know them."""
    closer_low: float
    attack: float
    """AUC of the best attack that guesses which real rows the model has seen; 0.5: no better than a coin."""
    attack_low: float
    near: float
    """Share of sampled rows that are near copies of a seen row, less the share of unseen ones: what chance gives."""
    near_low: float
    distances: dict[str, dict[str, float]]
    """To the closest record, by quantile, from 0 (equal) to 1 (different in every column)."""
    copied: int
    """Sampled rows equal to one that the model has seen, in all but the keys."""
    copied_share: float
    """Their share, less the share equal to one that it has not seen: what chance alone gives."""


def measure_privacy(
    seen: Tables, unseen: Tables, sampled: Tables, database: DatabaseConfig, seed: int
) -> list[Privacy]:
    """Every table with the columns of its parents, against the two halves of the real rows."""
    return [
        _measure(
            name,
            *(_with_parents(name, tables, database) for tables in (seen, unseen, sampled)),
            database=database,
            seed=seed,
        )
        for name in database.tables
    ]


def _with_parents(name: str, tables: Tables, database: DatabaseConfig) -> Any:
    """A table joined with its parents' columns, indexed by the key of its root; columns are `table.column`."""
    frame = tables[name].add_prefix(f"{name}.")
    child = name
    while relation := database.parent_of(child):
        parent = tables[relation.parent].add_prefix(f"{relation.parent}.")
        key = f"{relation.parent}.{database.tables[relation.parent].key}"
        frame = frame.merge(parent, left_on=f"{child}.{relation.column}", right_on=key)
        child = relation.parent
    return frame.set_index(f"{child}.{database.tables[child].key}", drop=True)


def _measure(name: str, seen: Any, unseen: Any, sampled: Any, *, database: DatabaseConfig, seed: int) -> Privacy:
    kinds = {
        f"{table}.{column}": kind
        for table, described in database.tables.items()
        for column, kind in described.columns.items()
        if kind != "id"
    }
    columns = [column for column in sampled.columns if column in kinds]
    copies = [_copies(sampled[columns], real[columns]) for real in (seen, unseen)]
    error = ERROR / TRIED / len(database.tables)
    size = min(len(seen), len(unseen), MOST_ROWS)
    halves = [_some(frame, size, seed) for frame in (seen, unseen)]
    some = _some(sampled, MOST_ROWS, seed)
    seen_points, unseen_points, points = _points([*halves, some], columns, kinds)
    units = [str(unit) for half in halves for unit in half.index]
    closer = _closer_share(seen_points, unseen_points, points, units, error, seed)
    attack = _strongest_attack(seen_points, unseen_points, points, units, error, seed)
    nearness = measure_nearness(seen_points, unseen_points, points, units, len(columns), error, seed)
    share = (copies[0] - copies[1]) / len(sampled)
    return Privacy(
        name,
        *closer,
        *attack,
        near=nearness.share,
        near_low=nearness.low,
        distances=nearness.distances,
        copied=copies[0],
        copied_share=round(max(0.0, share), 4),
    )


def _copies(sampled: Any, real: Any) -> int:
    return len(sampled.merge(real.drop_duplicates(), on=list(sampled.columns)))


def _some(frame: Any, size: int, seed: int) -> Any:
    order = sorted(range(len(frame)), key=lambda place: rank(seed, f"{frame.index[place]}:{place}"))
    return frame.iloc[order[:size]]


def _points(frames: list[Any], columns: list[str], kinds: Mapping[str, str]) -> list[Any]:
    """Rows as points whose L1 distance is Gower's: a share of the real range a number, 0 or 1 a category."""
    import numpy
    import pandas
    from sklearn.preprocessing import OneHotEncoder

    real = pandas.concat(frames[:-1])
    parts: list[list[Any]] = [[] for _ in frames]
    for column in columns:
        if kinds[column] in ("numerical", "datetime"):
            low, high = real[column].min(), real[column].max()
            for frame, part in zip(frames, parts, strict=True):
                scaled = (frame[column] - low) / (high - low) if high > low else (frame[column] != low) * 1.0
                part.append(scaled.astype(float).fillna(-1).to_numpy()[:, None])
        else:
            encoder = OneHotEncoder(sparse_output=False).fit(pandas.concat(frames)[[column]].astype(str))
            for frame, part in zip(frames, parts, strict=True):
                part.append(encoder.transform(frame[[column]].astype(str)) / 2)
    return [numpy.hstack(part) for part in parts]


def _closer_share(
    seen: Any, unseen: Any, points: Any, units: list[str], error: float, seed: int
) -> tuple[float, float]:
    """Share of points with a seen row as closest one, and its lower bound; rows come in random order, so ties do."""
    import numpy
    from sklearn.neighbors import NearestNeighbors

    generator = numpy.random.default_rng(seed)
    real = numpy.vstack([seen, unseen])
    order = generator.permutation(len(real))
    is_seen = (numpy.arange(len(real)) < len(seen))[order]
    index = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(real)), metric="manhattan", algorithm="brute")
    neighbours = index.fit(real[order]).kneighbors(points, return_distance=False)
    share = float(is_seen[neighbours[:, 0]].mean())
    names, unit_of = numpy.unique(numpy.array(units)[order], return_inverse=True)
    shares = []
    for _ in range(RESAMPLES):
        inside = numpy.bincount(generator.integers(len(names), size=len(names)), minlength=len(names))[unit_of] > 0
        first = inside[neighbours].argmax(axis=1)
        closest = is_seen[neighbours[numpy.arange(len(points)), first]]
        shares.append(closest.mean() - is_seen[inside].mean() + 0.5)
    return round(share, 4), round(float(numpy.quantile(shares, error)), 4)


def _strongest_attack(
    seen: Any, unseen: Any, points: Any, units: list[str], error: float, seed: int
) -> tuple[float, float]:
    """AUC and its lower bound of the better of two attacks.

    Both say of a row close to a sampled one that the model has seen it; the second measures closeness by how far
    other real rows are (a row in a crowd is close to everything).
    """
    import numpy
    from sklearn.neighbors import NearestNeighbors

    real = numpy.vstack([seen, unseen])
    truth = numpy.arange(len(real)) < len(seen)

    def distance(to: Any, neighbour: int) -> Any:
        index = NearestNeighbors(n_neighbors=neighbour + 1, metric="manhattan", algorithm="brute").fit(to)
        return index.kneighbors(real)[0][:, neighbour]

    near, crowd = distance(points, 0), distance(real, 1)
    generator = numpy.random.default_rng(seed)
    names, unit_of = numpy.unique(numpy.array(units), return_inverse=True)
    drawn = generator.multinomial(len(names), [1 / len(names)] * len(names), size=RESAMPLES)[:, unit_of]
    # an interval needs rows of both halves
    drawn = drawn[(drawn[:, truth].sum(axis=1) > 0) & (drawn[:, ~truth].sum(axis=1) > 0)]
    found = []
    for guess in (-near, -near / (crowd + 1e-3)):
        auc = float(_auc(truth, guess, numpy.ones((1, len(real))))[0])
        low = float(numpy.quantile(_auc(truth, guess, drawn), error / ATTACKS))
        found.append((round(auc, 4), round(low, 4)))
    return max(found, key=lambda one: one[1])


def _auc(truth: Any, guess: Any, weights: Any) -> Any:
    """Area under the ROC curve for each row of weights: the weight of the pairs in right order, equal ones half."""
    import numpy

    order = numpy.argsort(guess, kind="stable")
    starts = numpy.flatnonzero(numpy.diff(guess[order], prepend=-numpy.inf))
    right, wrong = (numpy.add.reduceat((weights * kind)[:, order], starts, axis=1) for kind in (truth, ~truth))
    below = numpy.cumsum(wrong, axis=1) - wrong / 2
    return (right * below).sum(axis=1) / (right.sum(axis=1) * wrong.sum(axis=1))
