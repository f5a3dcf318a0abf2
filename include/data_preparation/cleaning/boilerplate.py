"""Lines that many documents of a source repeat: how they are told, and how they are cut out of a text."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

REPEATED = "repeated_lines.parquet"
_DIGITS = re.compile(r"\d+")
_LETTERS = re.compile(r"[^\W\d_]+")
_CODE = (">>>", "...")
# what is longer is a text of its own, written as one line
_LONGEST = 2000


@dataclass(frozen=True, order=True)
class RepeatedLine:
    """A line that is boilerplate of a source: by digest, as it may hold names; `example` is a document that has it."""

    source: str
    digest: str
    documents: int
    share: float
    words: int
    example: str


def line_key(source: str, line: str, min_words: int) -> bytes | None:
    """What equal lines of a source have in common, digits and case aside; None where a line says too little."""
    if not line or len(line) > _LONGEST or line.lstrip().startswith(_CODE):
        return None
    if sum(1 for _ in _LETTERS.finditer(line)) < min_words:
        return None
    same = _DIGITS.sub("0", " ".join(line.casefold().split()))
    return hashlib.blake2b(f"{source}\0{same}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def line_keys(source: str, text: str, min_words: int) -> Iterator[bytes]:
    """The keys of a text's lines, each once; none of a text of a single line: it is all that the text says."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        yield from dict.fromkeys(key for line in lines if (key := line_key(source, line, min_words)))


def cut(source: str, text: str, repeated: frozenset[bytes], min_words: int, least: int) -> tuple[str, int]:
    """The text without its repeated lines, and their number.

    It stays whole where fewer than `least` words would be left: what a text consists of is no boilerplate of it.
    """
    if not repeated:
        return text, 0
    lines = text.splitlines()
    kept = [line for line in lines if line_key(source, line, min_words) not in repeated]
    if len(kept) == len(lines) or _words(kept) < least:
        return text, 0
    return "\n".join(kept), len(lines) - len(kept)


def _words(lines: Iterable[str]) -> int:
    return sum(1 for line in lines for _ in _LETTERS.finditer(line))
