"""How much of what is generated may stand beside what is real."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from include.data_preparation.config import SplitConfig
from include.data_preparation.division.questions import Question
from include.data_preparation.documents import rank


def highest_ranks(ranks: Mapping[str, "array[int]"], beside: int, config: SplitConfig) -> dict[str, int]:
    """Generator -> the highest rank of its documents that may stand beside so many real ones.

    One of each is taken in turn, by rank: one that gives many does not crowd out the others.
    """
    import numpy

    each, total = (most_beside(beside, share) for share in (config.generated_source_share, config.generated_share))
    names = sorted(ranks)
    first = [numpy.sort(numpy.frombuffer(ranks[name], dtype=numpy.uint64))[:each] for name in names]
    if not names:
        return {}
    source = numpy.repeat(numpy.arange(len(names)), [len(some) for some in first])
    turn = numpy.concatenate([numpy.arange(len(some)) for some in first])
    taken = numpy.lexsort((numpy.concatenate(first), turn))[:total]
    counts = numpy.bincount(source[taken], minlength=len(names))
    return {name: int(some[count - 1]) for name, some, count in zip(names, first, counts, strict=True) if count}


def in_turns(made: Iterable[Question], seed: int) -> list[Question]:
    """By rank, one of each generator in turn."""
    turns: Counter[str] = Counter()
    taken: list[tuple[int, Question]] = []
    for one in sorted(made, key=lambda one: rank(seed, one.id)):
        taken.append((turns[one.source], one))
        turns[one.source] += 1
    return [one for _, one in sorted(taken, key=lambda item: item[0])]


def capped(made: Sequence[Question], total: int, each: int) -> list[Question]:
    """The first of `made` that may stay, in total and by generator."""
    taken: Counter[str] = Counter()
    kept: list[Question] = []
    for one in made:
        if len(kept) < total and taken[one.source] < each:
            taken[one.source] += 1
            kept.append(one)
    return kept


def most_among(rows: int, share: float) -> int:
    """How many of so many rows may be generated."""
    return int(rows * share)


def most_beside(rows: int, share: float) -> int:
    """How many generated rows may stand beside so many others."""
    return int(rows * share / (1 - share))
