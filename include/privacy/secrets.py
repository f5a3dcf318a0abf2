"""Secrets in texts: keys and tokens of well-known services, private keys, credentials, and passwords that look real."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate

from include.privacy import secret_patterns as patterns
from include.privacy.secret_patterns import is_login, is_mixed, is_password, looks_random

# what is no secret may be the name of one up to this length; what is longer is read once, whatever names it has in it
LONGEST_NAME = 64
# what stands where a secret stands, what it is called, and what tells whether it is one
_VALUES: tuple[tuple[re.Pattern[str], str, Callable[[re.Match[str]], bool]], ...] = (
    (patterns.URL, "PASSWORD", lambda found: is_password(found["user"], found["value"], found["host"])),
    (patterns.DSN, "PASSWORD", lambda found: is_password("", found["value"], "")),
    (patterns.ASSIGNED, "PASSWORD", lambda found: looks_random(found["value"])),
    (patterns.BESIDE, "PASSWORD", lambda found: is_mixed(found["value"])),
    (patterns.BEARER, "BEARER_TOKEN", lambda found: looks_random(found["value"])),
    (patterns.AUTHORIZATION, "BEARER_TOKEN", lambda found: looks_random(found["value"])),
    (patterns.BASIC, "BASIC_LOGIN", lambda found: is_login(found["value"])),
    (patterns.SIGNATURE, "URL_SIGNATURE", lambda found: looks_random(found["value"])),
    (patterns.AZURE_KEY, "AZURE_KEY", lambda found: looks_random(found["value"])),
)


def redact(text: str, counts: Counter[str]) -> str:
    """The text with each secret replaced by its kind, as in `<AWS_ACCESS_KEY>`; `counts` gains their number by kind."""
    kept, position = [], 0
    for start, end, kind in _disjoint(text):
        kept += [text[position:start], f"<{kind}>"]
        position = end
        counts[kind] += 1
    return "".join((*kept, text[position:]))


def count_secrets(text: str) -> Counter[str]:
    """Number of secrets in a text, by kind; what they are is not told."""
    return Counter(kind for _, _, kind in _disjoint(text))


def _disjoint(text: str) -> list[tuple[int, int, str]]:
    """Start, end and kind of secrets in order; overlapping ones are one, of the kind of the first, then the longer."""
    chosen: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(_found_through(text), key=lambda found: (found[0], -found[1], found[2])):
        if not chosen or start >= chosen[-1][1]:
            chosen.append((start, end, kind))
        elif end > chosen[-1][1]:
            chosen[-1] = (chosen[-1][0], end, chosen[-1][2])
    return chosen


def _found_through(text: str) -> Iterator[tuple[int, int, str]]:
    """What is found where signs that are not seen, such as U+200B, are left out, by its places in the whole text."""
    if not patterns.UNSEEN.search(text):
        yield from _found(text)
        return
    places = [place for place, sign in enumerate(text) if not patterns.UNSEEN.match(sign)]
    for start, end, kind in _found(patterns.UNSEEN.sub("", text)):
        yield places[start], places[end - 1] + 1, kind


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    yield from _private_keys(text)
    yield from _in_columns(text)
    for token in patterns.TOKEN.finditer(text):
        kind = str(token.lastgroup)
        if patterns.is_secret(kind, token[0]):
            yield token.start(), token.end(), kind
    for pattern, kind, is_one in _VALUES:
        match = pattern.search(text)
        while match:
            found = is_one(match)
            if found:
                yield match.start("value"), match.end("value"), kind
            again = not found and len(match["value"]) <= LONGEST_NAME
            match = pattern.search(text, match.start("value") if again else match.end())


def _in_columns(text: str) -> Iterator[tuple[int, int, str]]:
    """Values below the name of their column, in lines of equally many cells."""
    for sign in "|,;" if patterns.HEADING.search(text) else "":
        position, width, named = 0, 0, list[int]()
        for line in text.splitlines(keepends=True):
            cells = line.split(sign)
            heads = [index for index, cell in enumerate(cells) if patterns.HEADING.fullmatch(cell.strip())]
            if heads or len(cells) != width:
                width, named = len(cells), heads if len(cells) > 1 else []
            starts = list(accumulate((len(cell) + 1 for cell in cells), initial=position)) if named else []
            for index in named:
                found = patterns.CELL.fullmatch(cells[index])
                if found and is_mixed(found["value"]):
                    yield starts[index] + found.start("value"), starts[index] + found.end("value"), "PASSWORD"
            position += len(line)


def _private_keys(text: str) -> Iterator[tuple[int, int, str]]:
    """From mark to mark; a key without its last line is taken to go on to the next one, or to the end of the text."""
    marks = list(patterns.KEY_MARK.finditer(text))
    for index, mark in enumerate(marks):
        after = marks[index + 1] if index + 1 < len(marks) else None
        end = after.start() if after else len(text)
        if mark["which"] == "BEGIN" and patterns.KEY_LINE.search(text, mark.end(), end):
            yield mark.start(), after.end() if after and after["which"] == "END" else end, "PRIVATE_KEY"
