"""What the filters look at in a text, each part read once."""

import re
from collections import Counter
from functools import cached_property

# scripts that put no space between words: each character counts as a word
_UNSPACED = r"぀-ヿ㐀-鿿ก-๿"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_LINK = re.compile(r"(?i)\b(?:https?://|www\.)[^\s<>\"]+")


class Profile:
    """A text and its parts. A link is no word."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def without_links(self) -> str:
        """The text with a space for each link."""
        return _LINK.sub(" ", self.text)

    @cached_property
    def links(self) -> int:
        """Number of links."""
        return sum(1 for _ in _LINK.finditer(self.text))

    @cached_property
    def link_share(self) -> float:
        """Share of the characters that are part of links."""
        return sum(match.end() - match.start() for match in _LINK.finditer(self.text)) / max(1, len(self.text))

    @cached_property
    def words(self) -> list[str]:
        """Words in lower case, with digits, without links."""
        return _WORD.findall(self.without_links.lower())

    @cached_property
    def most_frequent_word(self) -> int:
        """How often the most frequent word occurs."""
        return max(Counter(self.words).values(), default=0)

    @cached_property
    def lines(self) -> list[str]:
        """Lines that are not empty, without the spaces around them."""
        return [line for raw in self.text.splitlines() if (line := raw.strip())]

    @cached_property
    def prose_lines(self) -> list[str]:
        """Lines of at least two words: brackets and rules may repeat."""
        return [line for line in self.lines if len(line.split(None, 2)) > 1]
