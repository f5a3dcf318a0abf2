"""What training must not contain: held-out questions and answers, of now and of earlier, and evaluation sets."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from include.evaluation.contamination.phrases import PhraseIndex, words_with_gaps
from include.evaluation.contamination.words import WORD, normalized, size, words_of

HELDOUT_ANSWERS, HELDOUT_QUESTIONS = "held-out answers", "held-out questions"
EARLIER_ANSWERS, EARLIER_QUESTIONS = "answers held out earlier", "questions held out earlier"


@dataclass(frozen=True)
class Protected:
    """Texts of one origin: training contains none of the phrases, and no question of it is one of `whole`.

    They may be `hidden` in part where training texts are anonymized and these are not.
    """

    origin: str
    phrases: PhraseIndex
    whole: frozenset[str] = frozenset()
    hidden: bool = False


@dataclass
class Guard:
    """All that is protected; `found` counts what it keeps out, by origin. `hides` finds what stands in texts in the
    place of personal data, where they are anonymized."""

    protected: Sequence[Protected] = ()
    found: Counter[str] = field(default_factory=Counter)
    hides: re.Pattern[str] | None = None

    def is_clean(self, text: str) -> bool:
        """Whether a text contains nothing protected; it is not counted."""
        return not self._origins_in(text)

    def holds(self, text: str) -> bool:
        """Whether a text contains nothing protected."""
        return self._count(self._origins_in(text))

    def lets_teach(self, question: str, *answers: str) -> bool:
        """Whether a question to train on is none that is protected, and it and its answers contain nothing that is."""
        asked = normalized(question)
        whole = {one.origin for one in self.protected if asked in one.whole}
        return self._count(whole.union(*map(self._origins_in, (question, *answers))))

    def _origins_in(self, text: str) -> set[str]:
        words = words_of(text)
        hidden = self.hides if any(one.hidden for one in self.protected) else None
        around = words_with_gaps(text, hidden) if hidden else []
        return {
            one.origin
            for one in self.protected
            if one.phrases.find(words) or (one.hidden and one.phrases.find_around(around))
        }

    def _count(self, met: set[str]) -> bool:
        self.found.update(met)
        return not met


def telltale(row: Mapping[str, Any]) -> str:
    """What training must not contain of a held-out question beside the question: its answer, or, where many questions
    share their answers (labels), the text that it is about."""
    return str(row.get("telltale") or row["answer"])


def of_answers(origin: str, answers: Iterable[str]) -> Protected:
    """Held-out answers: each as a whole in any text."""
    return Protected(origin, PhraseIndex(answers))


def of_questions(origin: str, questions: Iterable[str], least: int) -> Protected:
    """Held-out questions: each as a whole as a question, and those of `least` words or more in any text."""
    listed = list(map(words_of, questions))
    phrases = PhraseIndex(" ".join(found) for found in listed if size(found) >= least * WORD)
    return Protected(origin, phrases, frozenset(normalized(" ".join(found)) for found in listed if found))


def of_texts(origin: str, texts: Iterable[str], words: int, least: int) -> Protected:
    """An evaluation set: any run of a text that is as much as `words` words, shorter texts as a whole.

    Those of fewer than `least` words stand in any text; they count only where they are a whole question.
    """
    listed = list(map(words_of, texts))
    phrases = PhraseIndex((" ".join(found) for found in listed if size(found) >= least * WORD), words)
    whole = frozenset(normalized(" ".join(found)) for found in listed if found)
    return Protected(origin, phrases, whole, hidden=True)
