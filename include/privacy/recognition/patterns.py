"""Personal data that has a shape: numbers with checksums, phones, addresses of machines, mail and web.

Each pattern starts where no word character stands before it and has bounded repeats, so that the search stays linear
in texts of any content.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from include.privacy.recognition.features import readable


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


def card(text: str) -> bool:
    """Whether the digits of `text` are those of a payment card: an issuer's, with their check digit."""
    digits = re.sub(r"\D", "", text)
    issued = digits[0] in "3456" or digits[:4] in ("1800", "2131") or "2221" <= digits[:4] <= "2720"
    return issued and luhn(digits)


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    # C++ calls ab::cd what it finds in its namespaces
    digit = any(letter.isdigit() for letter in text)
    return digit and text not in ("0.0.0.0", "127.0.0.1", "::1", "::") and len(text) > 4  # noqa: S104


def _phone(text: str) -> bool:
    # a count of lines is written like a short number without spaces
    return (10 if text[1:].isdigit() else 7) <= sum(letter.isdigit() for letter in text) <= 16


def personal_mail(text: str) -> bool:
    """Whether a mail address may be a person's: repositories are cloned as git@github.com."""
    return not text.startswith(("git@", "hg@"))


def _always(_: str) -> bool:
    return True


_START, _END = r"(?<![\w@.+/-])", r"(?![\w@]|[.-]\w)"
_TRUNK = r"(?:[ .-]?\(0\))?"
_SHAPES = {
    "EMAIL_ADDRESS": (
        r"(?<![\w.+-])[\w.+%'-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}(?![^\W_]|@)",
        personal_mail,
    ),
    "URL": (r"(?<![\w@])(?:https?://|www\.)[^\s<>\"'`\\{}|]{3,400}(?<![.,;:!?)\]])", _always),
    "IP_ADDRESS": (
        r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?<!\[)(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:]|\.\d))",
        _address,
    ),
    "IBAN_CODE": (
        r"(?<!\w)[A-Za-z]{2}\d{2}(?:[A-Za-z0-9]{11,30}|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,4})?)(?!\w)",
        iban,
    ),
    "CREDIT_CARD": (
        _START + r"(?:\d{4}(?:[ .-]?\d{4}){2}[ .-]?\d{1,7}|3[47]\d{2}([ .-])\d{6}\1\d{5})" + _END,
        card,
    ),
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
        + r"|0[1-9]([ .-])\d{2}(?:\1\d{2}){3}"
        + r")(?:[ ]?(?:x|ext\.?) ?\d{2,5})?"
        + _END,
        _phone,
    ),
}
# four numbers with dots are a version after these words
_RELEASE = re.compile(
    r"(?i)\b(?:(?:versions?|ver|releases?|builds?|firmware|driver|revision)[.:]? "
    r"|(?:up|down)grad\w{1,4} (?:\w{1,20} ){0,3}(?:from|to) )(?:v?\d[\d.]{2,20} (?:to|and|or) )?$"
)
_BEFORE = 100
SHAPES = tuple(Shape(entity, re.compile(pattern), holds) for entity, (pattern, holds) in _SHAPES.items())


def shaped(text: str) -> Iterator[tuple[str, int, int]]:
    """Entity, first character and the character after the last of what has a shape in `text`."""
    text = readable(text)
    for entity, pattern, holds in SHAPES:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not holds(match[0]) or (entity == "IP_ADDRESS" and _is_release(text, start)):
                continue
            if entity == "EMAIL_ADDRESS" and text.startswith("_", end):
                start += len(match[0]) - len(match[0].lstrip("_"))  # Markdown's emphasis
            yield entity, start, end


def _is_release(text: str, start: int) -> bool:
    return bool(_RELEASE.search(text[max(0, start - _BEFORE) : start])) or text.endswith("==", 0, start)
