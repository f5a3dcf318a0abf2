"""Whether two samples of texts come from one distribution: three tests, each with a size and a chance.

Lengths by the population stability index, words by the Jensen-Shannon divergence (Lin 1991) of hashed words and pairs
of words, and a classifier two-sample test (Lopez-Paz and Oquab 2017): what a classifier tells apart has shifted. All
chances come from random relabelling, which is exact whatever the texts are like; a seed makes them repeatable.
"""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

BINS, BUCKETS = 10, 1024
SHUFFLES, RESAMPLES = 999, 300
WORD = re.compile(r"\w+")


class Shift(BaseModel):
    """One test: what was found, from which value on it is drift, and how probable such a value is by chance."""

    model_config = ConfigDict(frozen=True)
    name: str
    value: float
    limit: float
    p: float = Field(ge=0, le=1)
    said: str = Field("", description="More of it, for people.")

    @property
    def large(self) -> bool:
        """Whether it is large enough to matter."""
        return self.value >= self.limit


def shown(shifts: Sequence[Shift], chance: float) -> list[Shift]:
    """Those that are large, and beyond chance for all of them together (Holm 1979)."""
    ordered = sorted(shifts, key=lambda shift: shift.p)
    for rank, shift in enumerate(ordered):
        if shift.p > chance / (len(ordered) - rank):
            ordered = ordered[:rank]
            break
    return [shift for shift in shifts if shift in ordered and shift.large]


def lengths(reference: Sequence[str], current: Sequence[str], limit: float, seed: int = 0) -> Shift:
    """Population stability index of the texts' lengths over tenths of both together."""
    import numpy as np

    sizes = np.array([len(text) for text in (*reference, *current)], dtype=float)
    edges = np.unique(np.quantile(sizes, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins, first = np.searchsorted(edges, sizes), len(reference)

    def index(order: Any) -> float:
        shares = [
            (np.bincount(part, minlength=len(edges) + 1) + 0.5) / (len(part) + 0.5 * (len(edges) + 1))
            for part in (order[:first], order[first:])
        ]
        return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())

    random = np.random.default_rng(seed)
    found = index(bins)
    chance = [index(random.permutation(bins)) for _ in range(SHUFFLES)]
    means = f"{sizes[:first].mean():.0f} characters in training, {sizes[first:].mean():.0f} in use"
    return Shift(name="lengths", value=round(found, 4), limit=limit, p=_p(found, chance), said=means)


def words(reference: Sequence[str], current: Sequence[str], limit: float, seed: int = 0) -> Shift:
    """Jensen-Shannon divergence, in bits, of hashed words and pairs of words, less what chance alone gives."""
    import numpy as np

    counts = np.zeros((len(reference) + len(current), BUCKETS), dtype=np.float32)
    for line, text in enumerate((*reference, *current)):
        for bucket in _buckets(text):
            counts[line, bucket] += 1
    whole, first = counts.sum(axis=0), len(reference)

    def divergence(left: Any) -> Any:
        right = whole - left
        p, q = (part / np.maximum(part.sum(axis=-1, keepdims=True), 1) for part in (left, right))
        middle = (p + q) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = [np.where(part > 0, part * np.log2(part / middle), 0.0).sum(axis=-1) for part in (p, q)]
        return (terms[0] + terms[1]) / 2

    random = np.random.default_rng(seed)
    found = float(divergence(counts[:first].sum(axis=0)))
    labels = np.zeros((SHUFFLES, len(counts)), dtype=np.float32)
    for row in labels:
        row[random.permutation(len(counts))[:first]] = 1
    chance = divergence(labels @ counts)
    excess = max(0.0, found - float(np.median(chance)))
    return Shift(
        name="words",
        value=round(excess, 4),
        limit=limit,
        p=_p(found, chance),
        said=f"{found:.3f} bits, chance included",
    )


def classifier(reference: Sequence[str], current: Sequence[str], limit: float, seed: int = 0) -> Shift:
    """Area under the ROC curve of a classifier on texts it has not seen; half of each sample trains it."""
    import numpy as np
    from scipy.stats import rankdata
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    texts = np.array([*reference, *current], dtype=object)
    used = np.array([0] * len(reference) + [1] * len(current))
    train = np.concatenate(
        [half[: len(half) // 2] for half in (random.permutation(np.flatnonzero(used == s)) for s in (0, 1))]
    )
    held = np.setdiff1d(np.arange(len(texts)), train)
    vectors = TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, max_features=20_000, tokenizer=WORD.findall, token_pattern=None
    )
    model = LogisticRegression(class_weight="balanced", max_iter=300)
    model.fit(vectors.fit_transform(texts[train]), used[train])
    scores, truth = model.decision_function(vectors.transform(texts[held])), used[held]

    def area(ranks: Any, labels: Any) -> float:
        ones = int(labels.sum())
        return float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(labels) - ones)))

    ranks = rankdata(scores)
    found = area(ranks, truth)
    chance = [area(ranks, random.permutation(truth)) for _ in range(SHUFFLES)]
    sides = [scores[truth == side] for side in (0, 1)]
    drawn = []
    for _ in range(RESAMPLES):
        both = [random.choice(side, len(side)) for side in sides]
        drawn.append(area(rankdata(np.concatenate(both)), np.repeat([0, 1], [len(side) for side in both])))
    low, high = np.quantile(drawn, [0.025, 0.975])
    telling = vectors.get_feature_names_out()[np.argsort(-model.coef_[0])]
    often = _often([str(text) for text in texts[used == 1]])
    typical = [word for word in telling[:200] if word in often][:8]
    said = f"95% interval {low:.3f} .. {high:.3f}; typical of use: {', '.join(typical) or 'no word'}"
    return Shift(name="classifier", value=round(found, 4), limit=limit, p=_p(found, chance), said=said)


def thinned(texts: Sequence[str], most: int) -> list[str]:
    """At most so many of the distinct texts, evenly spread over their order: repetition alone is no shift."""
    distinct = list(dict.fromkeys(text for text in texts if text.strip()))
    if len(distinct) <= most:
        return distinct
    return [distinct[index * len(distinct) // most] for index in range(most)]


def _buckets(text: str) -> list[int]:
    found = WORD.findall(text.lower())
    pairs = [f"{one} {two}" for one, two in pairwise(found)]
    return [zlib.crc32(one.encode()) % BUCKETS for one in (*found, *pairs)]


def _often(texts: Sequence[str], least: int = 3) -> set[str]:
    """Words of at least so many texts: a rarer one could be somebody's own."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(WORD.findall(text.lower())):
            counts[word] = counts.get(word, 0) + 1
    return {word for word, count in counts.items() if count >= least}


def _p(found: float, chance: Sequence[float]) -> float:
    """Of a value among those by chance, itself counted."""
    return (1 + sum(one >= found - 1e-12 for one in chance)) / (1 + len(chance))
