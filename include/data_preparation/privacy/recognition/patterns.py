"""Personal data that has a shape: numbers with checksums, phones, addresses of machines, mail and web.

Each pattern starts where no word character stands before it and has bounded repeats, so that the search stays linear
in texts of any content.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple


class Shape(NamedTuple):
    """How one kind of personal data is written; `holds` says whether a match is one."""

    entity: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool]


def luhn(text: str) -> bool:
    """Whether the digits of `text` end in the check digit of ISO/IEC 7812."""
    digits = [int(letter) for letter in text if letter.isdigit()]
    return sum(sum(divmod(d * 2, 10)) if place % 2 else d for place, d in enumerate(reversed(digits))) % 10 == 0


def iban(text: str) -> bool:
    """Whether `text` is an IBAN whose check digits hold (ISO 13616)."""
    compact = re.sub(r"[ -]", "", text).upper()
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in compact[4:] + compact[:4])) % 97 == 1


def _card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return digits[0] in "3456" and len(set(digits)) > 2 and luhn(digits)


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return text not in ("0.0.0.0", "127.0.0.1", "::1", "::") and len(text) > 4  # noqa: S104


def _phone(text: str) -> bool:
    return 7 <= sum(letter.isdigit() for letter in text) <= 16


def _always(_: str) -> bool:
    return True


_START, _END = r"(?<![\w@.+/-])", r"(?![\w@]|[.-]\w)"
_TRUNK = r"(?:[ .-]?\(0\))?"
_SHAPES = {
    "EMAIL_ADDRESS": (r"(?<![\w.+-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![\w@])", _always),
    "URL": (r"(?<![\w@])(?:https?://|www\.)[^\s<>\"'`\\{}|]{3,400}(?<![.,;:!?)\]])", _always),
    "IP_ADDRESS": (
        r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?<!\[)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d))",
        _address,
    ),
    "IBAN_CODE": (
        r"(?<!\w)[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?:[ -][A-Z0-9]{4}){2,7}(?:[ -][A-Z0-9]{1,4})?)(?!\w)",
        iban,
    ),
    "CREDIT_CARD": (_START + r"\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}" + _END, _card),
    "US_SSN": (_START + r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}" + _END, _always),
    "ACCOUNT_NUMBER": (r"(?<![\w-])(?!GH-|PR-)[A-Z]{2,3}-\d{6,12}(?![\w-])", _always),
    "PHONE_NUMBER": (
        _START
        + r"(?:\+\d{1,3}"
        + _TRUNK
        + r"(?:[ .-]?\(?\d{1,5}\)?){2,6}"
        + r"|001(?:-\d{3}){2}-\d{4}"
        + r"|\(\d{2,5}\)[ -]?\d{3,4}[ .-]?\d{3,4}"
        + r"|\d{3}[.-]\d{3}[.-]\d{4}"
        + r"|\d{3}-\d{7}"
        + r")(?:[ ]?(?:x|ext\.?) ?\d{2,5})?"
        + _END,
        _phone,
    ),
}
SHAPES = tuple(Shape(entity, re.compile(pattern), holds) for entity, (pattern, holds) in _SHAPES.items())


def shaped(text: str) -> Iterator[tuple[str, int, int]]:
    """Entity, first character and the character after the last of what has a shape in `text`."""
    for entity, pattern, holds in SHAPES:
        for match in pattern.finditer(text):
            if holds(match[0]):
                yield entity, match.start(), match.end()
