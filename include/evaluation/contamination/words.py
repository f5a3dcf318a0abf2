"""Words of texts in any script, and the signs that say something: what texts are compared by."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import regex

# scripts that are written without spaces
_LETTERS = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc"
_SYLLABLES = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_UNSPACED = _LETTERS + _SYLLABLES
# \w of `regex`, unlike that of `re`, has the marks that are vowels in many scripts
_WORD = regex.compile(rf"(?V1)[{_UNSPACED}]|[\w--[_{_UNSPACED}]]+")
_SIGNS = r"#%&*/@\\{}$+<=>\^|~"
# and what else is one where it stands: in -5, !x, .net, a[0], !=
_PLACED = r"(?<![\w.!-])[.!-]+(?=\w)|(?<=\w)\[|[!:](?==)"
_ASCII_WORD_OR_SIGN = re.compile(rf"\w+|[{_SIGNS}]+|{_PLACED}")
# whether there may be one, told fast
_SIGNED = re.compile(rf"[{_SIGNS}\[]"), re.compile(r"[^\w.!-][.!-]+\w"), re.compile(r"\A[.!-]")
_WORD_OR_SIGN = regex.compile(rf"(?V1)[{_UNSPACED}]|[\w--[{_UNSPACED}]]+|[{_SIGNS}\p{{Sm}}\p{{Sc}}\p{{So}}]+|{_PLACED}")
# of lists, headings and quotes
_LINE_START = re.compile(r"(?m)^[ \t]{0,16}[-*>#]{1,8}(?=\s)")
# of the scripts without spaces, Chinese and Japanese have about two letters a word, and those of South East Asia four
# signs or more: sizes are in quarters of a word
WORD = 4
_QUARTERS = regex.compile(rf"(?V1)(?P<half>[{_LETTERS}])|[{_SYLLABLES}]")


def folded(text: str) -> str:
    """A text without case, in one of the forms that Unicode has for it."""
    if text.isascii():
        return text.lower()
    # first, for a mark of its own ends a word; and again, for case folding takes some letters apart
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words_of(text: str) -> list[str]:
    """Words of a text, lower case and NFKC, without signs. In scripts without spaces between words each letter is
    one."""
    known = folded(text)
    # the same for ASCII, and faster
    return re.findall(r"[^\W_]+", known) if known.isascii() else list(_WORD.findall(known))


def normalized(text: str) -> str:
    """Words of a text with a space at both ends: for comparison and containment."""
    return f" {' '.join(words_of(text))} "


def words_and_signs(text: str) -> list[str]:
    """Words of a folded text, with underscores, and signs of code, numbers and money as words of their own.

    What quotes, sets apart or ends a sentence, hyphens, dashes and the marks at the start of a line are none.
    """
    if text.isascii():
        if not any(pattern.search(text) for pattern in _SIGNED):
            return re.findall(r"\w+", text)
        return _ASCII_WORD_OR_SIGN.findall(_LINE_START.sub("", text))
    return list(_WORD_OR_SIGN.findall(_LINE_START.sub("", text)))


def size(words: Iterable[str]) -> int:
    """How much some of `words_of` are, in quarters of a word: those that are letters of a script without spaces are
    less than a word."""
    return sum(map(_size, words))


def runs(words: Sequence[str], least: int) -> Iterator[tuple[int, int]]:
    """Start and end of the shortest runs of words from each on that are as much as `least` words."""
    end = total = 0
    for start, word in enumerate(words):
        while total < least * WORD:
            if end == len(words):
                return
            total, end = total + _size(words[end]), end + 1
        yield start, end
        total -= _size(word)


@lru_cache(maxsize=1 << 16)
def _size(word: str) -> int:
    found = None if word.isascii() or len(word) > 1 else _QUARTERS.match(word)
    return WORD if not found else 2 if found["half"] else 1
