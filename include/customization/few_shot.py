"""Examples for the prompt: few questions that stand for all, without any training."""

import hashlib
from collections.abc import Iterable
from itertools import islice

from include.core.errors import SourceError
from include.customization.config import FewShotConfig

Pair = tuple[str, str]


def choose_examples(pairs: Iterable[Pair], config: FewShotConfig) -> list[Pair]:
    """Of the pairs that are short enough, the one next to the middle of each of as many groups of like questions.

    So each is close to many questions, and far from the others. The same pairs give the same examples. SourceError
    where there are fewer short pairs than examples.
    """
    short = [pair for pair in pairs if len(f"{pair[0]} {pair[1]}".split()) <= config.words]
    short.sort(key=lambda pair: hashlib.sha256(f"{config.seed}:{pair[0]}:{pair[1]}".encode()).digest())
    candidates = list(islice(short, config.candidates))
    if len(candidates) < config.examples:
        raise SourceError(
            "train.parquet",
            len(candidates),
            f"it has fewer than {config.examples} questions of at most {config.words} words with their answers",
            "Raise words, or ask for fewer examples",
        )
    return [candidates[index] for index in _middles([question for question, _ in candidates], config)]


def _middles(texts: list[str], config: FewShotConfig) -> list[int]:
    """One text of each group, the largest group's last: it is next to the question."""
    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True).fit_transform(texts)
    groups = KMeans(config.examples, n_init=1, random_state=config.seed % 2**32).fit(words)
    distances = groups.transform(words)
    sizes = np.bincount(groups.labels_, minlength=config.examples)
    chosen: list[int] = []
    for group in np.argsort(sizes, kind="stable"):
        order = np.argsort(distances[:, group], kind="stable")
        chosen.append(next(int(index) for index in order if int(index) not in chosen))
    return chosen
