"""Which of many phrases stands in a text: exact, and in time linear in the text where nothing in it is replaced."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from include.evaluation.contamination.words import WORD, runs, size, words_of

_END = ""
# what stands for words that are not known, how many they may be, and how many known ones have to come before
_GAP, _WIDEST, _BEFORE = "", 8, 2


class PhraseIndex:
    """Phrases as runs of words, without case and signs; a phrase without words is in no text.

    A tree by words, as deep as it takes to tell phrases apart; the rest of a phrase is held against the text. Texts are
    held once, however many phrases they give: a phrase is a place in them and a length.
    """

    def __init__(self, texts: Iterable[str], run: int = 0) -> None:
        """Each text is a phrase, or each run of it that is as much as `run` words; one that is less is a phrase."""
        self.size = 0
        self._words: list[str] = []
        self._tree: dict[str, Any] = {}
        known: dict[str, str] = {}
        for text in texts:
            words, begin = [known.setdefault(word, word) for word in words_of(text)], len(self._words)
            self._words += words
            for start, end in (run and list(runs(words, run))) or [(0, len(words))]:
                self._add((begin + start, end - start))

    def find(self, words: Sequence[str]) -> str:
        """The first phrase that stands in the words of a text; empty where none does."""
        for start in range(len(words)):
            node: Any = self._tree
            place = start
            while place < len(words):
                node, place = node.get(words[place]), place + 1
                if node is None:
                    break
                if isinstance(node, tuple):
                    phrase = self._phrase(node)
                    if words[start : start + len(phrase)] == phrase:
                        return " ".join(phrase)
                    break
                if _END in node:
                    return " ".join(self._phrase(node[_END]))
        return ""

    def find_around(self, words: Sequence[str]) -> str:
        """The first phrase that stands in `words_with_gaps` where a gap may be up to 8 words of the phrase.

        Its first two words are none of them, nor are more than half of all.
        """
        for start in range(len(words)):
            for phrase in map(self._phrase, self._beginning(words, start)):
                if _may_fit(phrase, words, start) and _fits(phrase, words, start):
                    return " ".join(phrase)
        return ""

    def _beginning(self, words: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
        """The phrases that begin like the words from `start` to the next gap."""
        node: Any = self._tree
        for place in range(start, len(words)):
            if words[place] == _GAP:
                if size(words[start:place]) >= _BEFORE * WORD:
                    yield from _below(node)
                return
            node = node.get(words[place])
            if isinstance(node, tuple):
                yield node
            if not isinstance(node, dict):
                return

    def _phrase(self, place: tuple[int, int]) -> list[str]:
        start, length = place
        return self._words[start : start + length]

    def _add(self, place: tuple[int, int]) -> None:
        """Put a phrase below the words that it shares with another, and that one too."""
        phrase = self._phrase(place)
        node = self._tree
        for depth, word in enumerate(phrase):
            there = node.setdefault(word, place)
            if there is place:
                self.size += 1
                return
            if isinstance(there, tuple):
                other = self._phrase(there)
                if other == phrase:
                    return
                following = other[depth + 1] if len(other) > depth + 1 else _END
                there = node[word] = {following: there}
            node = there
        if phrase and node.setdefault(_END, place) is place:
            self.size += 1


def words_with_gaps(text: str, hidden: re.Pattern[str]) -> list[str]:
    """The words of a text, with an empty one for what `hidden` finds: it stands in the place of personal data.

    An empty list where nothing does.
    """
    first, *others = hidden.split(text)
    words = words_of(first) if others else []
    for part in others:
        words += [_GAP, *words_of(part)]
    return words


def _below(node: dict[str, Any]) -> Iterator[tuple[int, int]]:
    waiting: list[Any] = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, tuple):
            yield one
        else:
            waiting += one.values()


def _may_fit(phrase: Sequence[str], words: Sequence[str], start: int) -> bool:
    """Whether the word after the first gap comes soon enough in the phrase; told fast, for many phrases begin alike."""
    length = next((place for place, (one, two) in enumerate(zip(phrase, words[start:], strict=False)) if one != two), 0)
    gap = start + length
    if gap + 1 >= len(words) or words[gap] != _GAP or words[gap + 1] == _GAP:
        return True
    after = phrase[length + 1 : length + 1 + _WIDEST * WORD]
    # a phrase that ends within the gap has half of its words before it
    return words[gap + 1] in after or 2 * size(phrase[:length]) >= size(phrase)


def _fits(phrase: Sequence[str], words: Sequence[str], start: int) -> bool:
    """Whether the words from `start` are a phrase, of which each gap is a few words."""
    sizes = list(accumulate(map(size, zip(phrase, strict=True)), initial=0))
    # how much of the phrase may have been read
    ends, known = {0}, 0
    for word in words[start:]:
        if word == _GAP:
            ends = {
                end
                for begin in ends
                for end in range(begin + 1, len(sizes))
                if sizes[end] - sizes[begin] <= _WIDEST * WORD
            }
        else:
            ends = {end + 1 for end in ends if end < len(phrase) and phrase[end] == word}
            known += size((word,))
        if not ends or (len(phrase) in ends and 2 * known >= sizes[-1]):
            break
    return len(phrase) in ends and 2 * known >= sizes[-1]
