"""Plain text and Markdown: a file is one record."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data_preparation.readers.encodings import whole_text
from include.data_preparation.readers.found import Found, Reading, Row, UnreadableError

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(.{0,65536}?\n)(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.{0,500}?)[ \t]*#*[ \t]*$", re.MULTILINE)
# no encoding needs more bytes a character
WIDEST = 4


def read_text(path: Path, reading: Reading) -> Iterator[Found]:
    """The text of the file."""
    text = whole_text(path, reading, WIDEST * reading.limits.max_record_characters)
    yield Row(0, {"text": _fit(text, reading)})


def read_markdown(path: Path, reading: Reading) -> Iterator[Found]:
    """The Markdown below the front matter, whose title, id and license count; else the first heading is the title.

    A title that YAML takes for a number or a date is what stands there.
    """
    text = whole_text(path, reading, WIDEST * reading.limits.max_record_characters)
    front = _FRONT_MATTER.match(text)
    fields = _mapping(front[1]) if front else None
    body = text[front.end() :] if front and fields is not None else text
    heading = _HEADING.search(body)
    found = {"title": heading[1]} if heading else {}
    yield Row(0, found | reading.fields(fields or {}) | {"text": _fit(body, reading)})


def _mapping(text: str) -> dict[str, Any] | None:
    """What front matter says, as it is written; None where it is no mapping, but a text between two rules."""
    import yaml

    try:
        # it makes texts, lists and mappings only, and unfolds no mapping into others, which may be of any size
        value = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError):
        return None
    return {str(name): one for name, one in value.items()} if isinstance(value, dict) else None


def _fit(text: str, reading: Reading) -> str:
    if len(text) > reading.limits.max_record_characters:
        raise UnreadableError(reading.too_long(len(text)))
    return text
