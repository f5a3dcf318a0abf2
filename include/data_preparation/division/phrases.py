"""Which of many phrases stands in a text: exact, and in time linear in the text."""

from collections.abc import Iterable
from typing import Any

from include.data_preparation.division.questions import normalized

_END = ""


class PhraseIndex:
    """Phrases as runs of words, without case and signs; a phrase without words is in no text.

    A tree by words, as deep as it takes to tell phrases apart; the rest of a phrase is held against the text.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        distinct = sorted({normalized(phrase) for phrase in phrases} - {normalized("")})
        self.size = len(distinct)
        self._tree: dict[str, Any] = {}
        waiting = [(self._tree, [phrase.split() for phrase in distinct], 0)]
        while waiting:
            node, group, depth = waiting.pop()
            following: dict[str, list[list[str]]] = {}
            for words in group:
                if len(words) == depth:
                    node[_END] = words
                else:
                    following.setdefault(words[depth], []).append(words)
            for word, same in following.items():
                if len(same) == 1:
                    node[word] = same[0]
                else:
                    node[word] = {}
                    waiting.append((node[word], same, depth + 1))

    def find(self, text: str) -> str:
        """The first phrase that stands in a text, normalised; empty where none does."""
        words = normalized(text).split()
        for start in range(len(words)):
            node: Any = self._tree
            place = start
            while place < len(words):
                node, place = node.get(words[place]), place + 1
                if isinstance(node, list):
                    if words[start : start + len(node)] == node:
                        return " ".join(node)
                    break
                if node is None:
                    break
                if _END in node:
                    return " ".join(node[_END])
        return ""
