"""Find labels that are probably wrong: what a classifier that did not see a document thinks of its label."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from include.data_preparation.config import LabelConfig

# of a text; what a message is about stands at its beginning
CHARACTERS = 2000
WORDS = 20_000
_WORD = re.compile(r"\b\w+\b")


class Labelled(NamedTuple):
    """A document as the search sees it."""

    id: str
    label: str
    text: str


@dataclass(frozen=True)
class Suspicion:
    """A document whose label is probably wrong; `quality` is the classifier's probability of the label it has."""

    id: str
    label: str
    suggested: str
    quality: float


@dataclass(frozen=True)
class LabelErrors:
    """Suspected documents, the worst first, and what was examined.

    `noise` is, by label, the estimated share of the documents with it that should have another one.
    """

    examined: int
    suspicions: tuple[Suspicion, ...] = ()
    disagreements: tuple[Suspicion, ...] = ()
    """All to which the classifier would give another label, the suspected ones among them."""
    noise: Mapping[str, float] = field(default_factory=dict)
    rare: Mapping[str, int] = field(default_factory=dict)
    """Labels with too few documents for every fold to learn them, and how many: these are not examined."""


def search(samples: Mapping[str, Sequence[Labelled]], config: LabelConfig) -> LabelErrors:
    """What is found in the documents of each taxonomy by itself; labels are called by their taxonomy too."""
    found = {taxonomy: find_label_errors(documents, config) for taxonomy, documents in sorted(samples.items())}
    return LabelErrors(
        sum(one.examined for one in found.values()),
        _worst_first(suspicion for one in found.values() for suspicion in one.suspicions),
        _worst_first(suspicion for one in found.values() for suspicion in one.disagreements),
        {f"{taxonomy}: {label}": share for taxonomy, one in found.items() for label, share in one.noise.items()},
        {f"{taxonomy}: {label}": count for taxonomy, one in found.items() for label, count in one.rare.items()},
    )


def find_label_errors(documents: Sequence[Labelled], config: LabelConfig) -> LabelErrors:
    """Confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021; cleanlab) on probabilities out of sample."""
    counts = Counter(document.label for document in documents)
    rare = {label: count for label, count in sorted(counts.items()) if count < config.folds}
    chosen = [document for document in documents if document.label not in rare]
    labels = sorted({document.label for document in chosen})
    # a text without a word tells the classifier nothing
    if len(labels) < 2 or not any(_WORD.search(document.text) for document in chosen):
        return LabelErrors(0, rare=rare)
    import numpy
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues

    at = {label: index for index, label in enumerate(labels)}
    given = numpy.array([at[document.label] for document in chosen])
    # rounded: the last bits of a sum differ from processor to processor
    chances = _out_of_sample([document.text for document in chosen], given, config).round(6)
    # how many is for the confident joint to say, which ones for the probability of the label: as it finds most
    found = find_label_issues(
        given, chances, filter_by="low_self_confidence", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    joint = compute_confident_joint(given, chances, calibrate=True)
    shares = 1 - joint.diagonal() / numpy.maximum(1, joint.sum(axis=1))
    other = [row for row, best in enumerate(chances.argmax(axis=1).tolist()) if best != given[row]]
    disagreements = _worst_first(_suspicion(chosen[row], chances[row], labels, int(given[row])) for row in other)
    worst = {chosen[row].id for row in found.tolist()}
    suspicions = tuple(one for one in disagreements if one.id in worst)
    noise = {label: round(float(share), 4) for label, share in zip(labels, shares, strict=True)}
    return LabelErrors(len(chosen), suspicions, disagreements, noise, rare)


def _worst_first(suspicions: Iterable[Suspicion]) -> tuple[Suspicion, ...]:
    return tuple(sorted(suspicions, key=lambda one: (one.quality, one.id)))


def _suspicion(document: Labelled, chances: Any, labels: Sequence[str], given: int) -> Suspicion:
    return Suspicion(document.id, document.label, labels[int(chances.argmax())], round(float(chances[given]), 4))


def _out_of_sample(texts: Sequence[str], given: Any, config: LabelConfig) -> Any:
    """Probability of each label for each text, from a classifier trained on the other folds."""
    import numpy
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.multiclass import OneVsRestClassifier

    words = TfidfVectorizer(sublinear_tf=True, max_features=WORDS, token_pattern=_WORD.pattern).fit_transform(texts)
    classes = int(given.max()) + 1
    chances = numpy.zeros((len(texts), classes))
    folds = StratifiedKFold(config.folds, shuffle=True, random_state=config.seed)
    for train, rest in folds.split(words, given):
        # liblinear, one label against the rest: a tenth of the time of lbfgs on all labels at once
        one = LogisticRegression(C=10, solver="liblinear", random_state=config.seed)
        chances[rest] = OneVsRestClassifier(one).fit(words[train], given[train]).predict_proba(words[rest])
    return chances / numpy.maximum(chances.sum(axis=1, keepdims=True), 1e-12)
