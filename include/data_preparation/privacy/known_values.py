"""Values that anonymization found somewhere, looked for everywhere: as text in a shard, as keyed digests after it."""

import hmac
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, pairwise

from include.data_preparation.privacy.names import in_order, spelled_as_name
from include.privacy.pseudonyms import STANDS_FOR, normalized
from include.privacy.spans import Span
from include.privacy.typography import plain

REMOVED = "removed.json"
NUMBERS = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "ACCOUNT_NUMBER",
    "US_SSN",
    "US_DRIVER_LICENSE",
)
# words of a name and of an address that are looked for; shorter ones are words of the language too
_RUNS = {"PERSON": (2, 4), "STREET_ADDRESS": (3, 8)}
_LEAST = 7
_WORD = re.compile(r"[^\W_]+")
_GAP = re.compile(r"[ \t\n,.'’_-]{1,3}")  # noqa: RUF001
_NUMBER = re.compile(r"(?<![\w@])[+(]?\d[\d ().+/-]{5,28}\d(?![\w@])")
_MARKED = re.compile(r"(?<![\w@])(?:[A-Za-z]{1,4}[ -]?)?\d[\dA-Za-z-]{5,33}(?![\w@])")
_MAIL = re.compile(r"(?<![\w.+-])[^\s@<>,;:()\"']{1,64}@[\w.-]{3,253}\w")
Candidate = tuple[str, str, int, int]


def telling(entity: str, value: str) -> str:
    """The normalized value where it can be nothing else than this one, else ""."""
    text = normalized(entity, value)
    if entity in _RUNS:
        words, (least, most) = text.split(), _RUNS[entity]
        if not (least <= len(words) <= most and _may_tell(entity, words)):
            return ""
        return _spoken(value) if entity == "PERSON" else text
    marked = any(letter.isdigit() or letter == "@" for letter in text)
    return text if entity in NUMBERS and len(text) >= _LEAST and marked else ""


def _spoken(name: str) -> str:
    """The normalized words of a name, in the order in which they are spoken."""
    parts = [words for part in name.split(",") if (words := normalized("TITLE", part).split())]
    return in_order(list(chain.from_iterable(parts)), list(accumulate(map(len, parts)))[:-1])


def _may_tell(entity: str, words: Sequence[str]) -> bool:
    """Whether words may be a full name, or an address with the number of its house."""
    if entity == "PERSON":
        return all(word.isalpha() and len(word) > 1 for word in words)
    return any(word.isdigit() for word in words)


def candidates(text: str) -> Iterator[Candidate]:
    """Entity, normalized value, start and end of whatever in `text` might be a value that is known."""
    masked = plain(STANDS_FOR.sub(lambda match: "\0" * len(match[0]), text))
    words = [(unicodedata.normalize("NFKC", m[0]).casefold(), m.start(), m.end()) for m in _WORD.finditer(masked)]
    gaps = [masked[one[2] : two[1]] for one, two in pairwise(words)]
    linked = [bool(_GAP.fullmatch(gap)) for gap in gaps]
    longest = max(most for _, most in _RUNS.values())
    for place in range(len(words)):
        for count in range(2, longest + 1):
            end = place + count
            if end > len(words) or not linked[end - 2]:
                break
            run, start, stop = [word for word, _, _ in words[place:end]], words[place][1], words[end - 1][2]
            for entity, (least, most) in _RUNS.items():
                if not (least <= count <= most and _may_tell(entity, run)):
                    continue
                if entity != "PERSON":
                    yield entity, " ".join(run), start, stop
                elif spelled_as_name([masked[first:last] for _, first, last in words[place:end]]):
                    commas = [one for one in range(1, count) if "," in gaps[place + one - 1]]
                    yield entity, in_order(run, commas), start, stop
    for pattern, entities in ((_NUMBER, NUMBERS[1:]), (_MARKED, NUMBERS[1:]), (_MAIL, NUMBERS[:1])):
        for match in pattern.finditer(masked):
            for entity in entities:
                yield entity, normalized(entity, match[0]), match.start(), match.end()


def digest(key: bytes, entity: str, value: str) -> str:
    """80 bits that stand for a normalized value under `key`; without it, nothing can be looked up."""
    return hmac.digest(key, f"removed\0{entity}\0{value}".encode(), "sha256").hex()[:20]


def removed(key: bytes, values: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Digests by entity of the values that are telling, sorted."""
    found = {
        entity: sorted({digest(key, entity, text) for value in some if (text := telling(entity, value))})
        for entity, some in values.items()
    }
    return {entity: digests for entity, digests in sorted(found.items()) if digests}


class KnownValues:
    """Values that were found in any text of any shard, by their keyed digests."""

    def __init__(self, key: bytes, digests: Mapping[str, Collection[str]]) -> None:
        self.key, self.digests = key, digests

    def places(self, text: str) -> Iterator[Span]:
        """Where a known value stands in `text`; places may overlap."""
        for entity, value, start, end in candidates(text):
            known = self.digests.get(entity)
            if known and digest(self.key, entity, value) in known:
                yield Span(entity, start, end)

    def with_known(self, text: str, spans: Sequence[Span]) -> list[Span]:
        """`spans`, and the known values beside them; the longest first where they overlap."""
        chosen = list(spans)
        for span in sorted(self.places(text), key=lambda one: (one.start - one.end, one.start, one.entity)):
            if all(span.end <= other.start or span.start >= other.end for other in chosen):
                chosen.append(span)
        return sorted(chosen, key=lambda one: one.start)
