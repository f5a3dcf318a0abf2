"""What training must not contain: held-out questions and answers, of now and of earlier, and evaluation sets."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from include.data_preparation.division.phrases import PhraseIndex
from include.data_preparation.division.questions import normalized

HELDOUT, EARLIER = "held out", "held out earlier"


@dataclass(frozen=True)
class Protected:
    """Texts of one origin: training contains none of the phrases, and no question of it is one of `whole`."""

    origin: str
    phrases: PhraseIndex
    whole: frozenset[str] = frozenset()

    def is_in(self, text: str) -> bool:
        """Whether a text contains a phrase."""
        return bool(self.phrases.find(text))

    def is_taught(self, question: str, answer: str) -> bool:
        """Whether a question is one of these, or it or its answer contains a phrase."""
        return normalized(question) in self.whole or self.is_in(question) or self.is_in(answer)


@dataclass
class Guard:
    """All that is protected; counts what it keeps out, by origin."""

    protected: Sequence[Protected] = ()
    found: Counter[str] = field(default_factory=Counter)

    def holds(self, text: str) -> bool:
        """Whether a text contains nothing protected."""
        return self._count(one.origin for one in self.protected if one.is_in(text))

    def lets_teach(self, question: str, answer: str) -> bool:
        """Whether a question to train on, with its answer, contains nothing protected."""
        return self._count(one.origin for one in self.protected if one.is_taught(question, answer))

    def _count(self, origins: Iterable[str]) -> bool:
        met = set(origins)
        self.found.update(met)
        return not met


def of_answers(origin: str, questions: Iterable[str], answers: Iterable[str]) -> Protected:
    """Held-out rows: an answer as a whole in any text, and a question as a whole as a question."""
    return Protected(origin, PhraseIndex(answers), frozenset(map(normalized, questions)))


def of_texts(origin: str, texts: Iterable[str], words: int, least: int) -> Protected:
    """An evaluation set: any run of `words` words of a text, shorter texts as a whole.

    Those of fewer than `least` words stand in any text; they count only where they are a whole question.
    """
    listed = [normalized(text).split() for text in texts]
    runs = (" ".join(run) for found in listed if len(found) >= least for run in _runs(found, words))
    return Protected(origin, PhraseIndex(runs), frozenset(normalized(" ".join(found)) for found in listed if found))


def _runs(found: list[str], words: int) -> Iterator[list[str]]:
    yield from (found[start : start + words] for start in range(max(1, len(found) - words + 1)))
