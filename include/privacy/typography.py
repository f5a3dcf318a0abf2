"""Texts as they would be typed: what finds personal data, and what looks for it again, reads one and the same text."""

import re
import sys
import unicodedata
from functools import cache

_DASHES = "\u2010\u2011\u2012\u2013\u2043\u2212\ufe58\ufe63\uff0d"
# they stand between clauses, where no digit is on both sides
_LONG = re.compile(r"(?<=[\d)])[\u2014\u2015](?=[\d(])")


@cache
def _typed() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # full-width ASCII
    for code in range(0x80, sys.maxunicode + 1):
        letter = chr(code)
        if unicodedata.category(letter) == "Zs":
            table[code] = " "
        elif (digit := unicodedata.decimal(letter, None)) is not None:
            table[code] = str(digit)
    return table | dict.fromkeys(map(ord, _DASHES), "-")


def plain(text: str) -> str:
    """The text, as long as before, with the spaces, hyphens, minus signs and digits that a keyboard has."""
    return text if text.isascii() else _LONG.sub("-", text.translate(_typed()))
