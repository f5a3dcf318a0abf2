"""The label model: from votes of labelling functions of unequal accuracy to a probability for each label.

One-coin Dawid-Skene (Zhang, Chen, Zhou and Jordan, JMLR 17, 2016), fitted by EM: a function is right with one
probability, and where it is wrong every other label is as likely. It abstains by not voting. Beside crowd-kit's
OneCoinDawidSkene, to which it is equal without them, it takes counts of vote patterns instead of documents, expected
accuracies as a prior, and the labels of people.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

ROUNDS = 500
TOLERANCE = 1e-7
# nobody is always right, and no label is impossible
MOST_SURE = 0.999
ANNOTATOR_ACCURACY = 0.95
# without it a frequent label swallows a rare one wherever the functions are unsure
EVEN = 0.3


class Pattern(NamedTuple):
    """What was said of a document: (function, label) of each that did not abstain, and annotators' labels, sorted."""

    votes: tuple[tuple[str, str], ...]
    people: tuple[str, ...] = ()

    @property
    def settled(self) -> str:
        """The label that most annotators gave; empty without any, and where it is a tie."""
        first = Counter(self.people).most_common(2)
        return first[0][0] if len(first) == 1 or (first and first[0][1] > first[1][1]) else ""


@dataclass(frozen=True)
class LabelModel:
    """A fitted model; `accuracy` is the estimated one of each function that voted."""

    posteriors: Mapping[Pattern, Mapping[str, float]]
    accuracy: Mapping[str, float]

    def label(self, pattern: Pattern) -> tuple[str, float]:
        """The most probable label, the first by name among equals, and its probability; ("", 0) without any vote."""
        chances = self.posteriors.get(pattern, {})
        if not chances:
            return "", 0.0
        name = max(sorted(chances), key=lambda one: chances[one])
        return name, chances[name]


def fit(
    counts: Mapping[Pattern, int], expected: Mapping[str, float], prior_votes: float, even: float = EVEN
) -> LabelModel:
    """Fit to vote patterns and how many documents show each.

    `expected` is the accuracy that is believed of a function, worth `prior_votes` votes of known outcome; `even` is the
    part of the labels' frequency that is believed to be the same for all, the rest is estimated.
    """
    import numpy

    patterns = sorted(pattern for pattern in counts if pattern.votes or pattern.people)
    names = sorted({name for pattern in patterns for name, _ in pattern.votes})
    labels = sorted({one for pattern in patterns for one in (*(label for _, label in pattern.votes), *pattern.people)})
    if not patterns:
        return LabelModel({}, {})
    at = {label: index for index, label in enumerate(labels)}
    votes = numpy.array([[at.get(dict(pattern.votes).get(name, ""), -1) for name in names] for pattern in patterns])
    weights = numpy.array([float(counts[pattern]) for pattern in patterns])
    believed = numpy.array([expected[name] for name in names])
    people = _of_people(patterns, at)
    chances, skills = _maximize(votes, weights, believed, prior_votes, people, even)
    posteriors = {
        pattern: {label: round(float(chance), 4) for label, chance in zip(labels, row, strict=True)}
        for pattern, row in zip(patterns, chances, strict=True)
    }
    accuracy = {name: round(float(skill), 4) for name, skill in zip(names, skills, strict=True)}
    return LabelModel(posteriors, accuracy)


def _maximize(votes: Any, weights: Any, believed: Any, prior_votes: float, people: Any, even: float) -> tuple[Any, Any]:
    """Posteriors (patterns x labels) and skills by expectation and maximization in turn."""
    import numpy

    classes = people.shape[1]
    said = votes[:, :, None] == numpy.arange(classes)
    voted = votes >= 0
    skills, prior = believed, numpy.full(classes, 1 / classes)
    chances = _expect(said, voted, skills, prior, people)
    for _ in range(ROUNDS):
        right = (weights[:, None] * (said * chances[:, None, :]).sum(axis=2)).sum(axis=0)
        skills = (right + prior_votes * believed) / ((weights[:, None] * voted).sum(axis=0) + prior_votes)
        prior = even / classes + (1 - even) * (weights @ chances) / weights.sum()
        before, chances = chances, _expect(said, voted, skills, prior, people)
        if numpy.abs(chances - before).max() < TOLERANCE:
            break
    return chances, skills


def _expect(said: Any, voted: Any, skills: Any, prior: Any, people: Any) -> Any:
    import numpy

    classes = said.shape[2]
    sure = numpy.clip(skills, 1 / (classes + 1), MOST_SURE)
    wrong = (1 - sure) / max(1, classes - 1)
    told = numpy.where(said, numpy.log(sure)[None, :, None], numpy.log(wrong)[None, :, None])
    logs = numpy.log(numpy.maximum(prior, 1e-12)) + (told * voted[:, :, None]).sum(axis=1) + people
    logs -= logs.max(axis=1, keepdims=True)
    chances = numpy.exp(logs)
    return chances / chances.sum(axis=1, keepdims=True)


def _of_people(patterns: Iterable[Pattern], at: Mapping[str, int]) -> Any:
    """Log-likelihoods (patterns x labels): what most annotators said is certain, in a tie each is a voter."""
    import numpy

    rows = []
    for pattern in patterns:
        row = numpy.zeros(len(at))
        if pattern.settled:
            row[:] = -numpy.inf
            row[at[pattern.settled]] = 0
        else:
            wrong = (1 - ANNOTATOR_ACCURACY) / max(1, len(at) - 1)
            for label in pattern.people:
                row += [numpy.log(ANNOTATOR_ACCURACY if index == at[label] else wrong) for index in range(len(at))]
        rows.append(row)
    return numpy.array(rows)
