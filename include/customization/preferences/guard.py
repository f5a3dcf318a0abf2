"""What preferences may not show: the questions that models are judged by, and their answers."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from include.customization.preferences.pairs import Pair

# a text that holds a phrase of fewer words says nothing about where it comes from
LEAST_WORDS = 4
_WORD = re.compile(r"\w+")


class Guard:
    """Knows the held-out and development rows; `excluded` counts pairs by what they would have shown."""

    def __init__(self, heldout: Iterable[Mapping[str, str]], development: Iterable[Mapping[str, str]]) -> None:
        self.excluded = Counter({"held-out": 0, "development": 0})
        self._questions: dict[tuple[str, ...], str] = {}
        self._phrases: defaultdict[tuple[str, ...], list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for kind, rows in (("development", development), ("held-out", heldout)):
            for row in rows:
                self._questions[_words(row["question"])] = kind
                answer = _words(row["answer"])
                if len(answer) >= LEAST_WORDS:
                    self._phrases[answer[:LEAST_WORDS]].append((answer, kind))

    def lets_pass(self, pair: Pair) -> bool:
        """Whether a pair asks no such question and holds no such answer, of four words or more; counts where not."""
        kind = self._questions.get(_words(pair.question)) or self._shown(pair.chosen) or self._shown(pair.rejected)
        if kind:
            self.excluded[kind] += 1
        return not kind

    def _shown(self, text: str) -> str:
        words = _words(text)
        for start in range(len(words) - LEAST_WORDS + 1):
            for phrase, kind in self._phrases.get(words[start : start + LEAST_WORDS], ()):
                if words[start : start + len(phrase)] == phrase:
                    return kind
        return ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))
