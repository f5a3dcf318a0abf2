"""JSON: an object a line, an array of objects, or objects one after the other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data_preparation.readers.encodings import numbered_lines, text_chunks
from include.data_preparation.readers.found import Found, Reading, Row, Unreadable, UnreadableError

NOT_JSON, NOT_AN_OBJECT = "not JSON", "not an object"
_SPACE = re.compile(r"[ \t\r\n]*")
# what the parser says where only the end is missing, and how far from it a cut literal or escape begins
_UNFINISHED, _TAIL = "Unterminated string", 16


def json_value(text: str) -> Any:
    """What a text of JSON says; UnreadableError where it is none, or nested too deep."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError(NOT_JSON) from None


def read_json_lines(path: Path, reading: Reading) -> Iterator[Found]:
    """A record a line; empty lines are none."""
    for number, line in numbered_lines(path, reading):
        if isinstance(line, Unreadable):
            yield line
        elif line.strip():
            try:
                yield _row(number, json_value(line), reading)
            except UnreadableError as error:
                yield Unreadable(number, str(error))


def read_json(path: Path, reading: Reading) -> Iterator[Found]:
    """The objects of an array, or those of a file that holds one after the other; `place` counts them."""
    text, place = _Text(text_chunks(path, reading), reading), 0
    try:
        in_array = text.peek() == "["
        if in_array:
            text.skip()
        while text.peek() not in ("", "]" if in_array else ""):
            place += 1
            yield _row(place, text.value(), reading)
            if in_array and text.peek() == ",":
                text.skip()
            elif in_array and text.peek() != "]":
                place += 1
                raise UnreadableError(NOT_JSON)
        if in_array:
            _end(text)
    except UnreadableError as error:
        yield Unreadable(place, f"{error}; nothing after it is read", breaks=True)


def _end(text: "_Text") -> None:
    if text.peek() != "]":
        raise UnreadableError("the array has no end")
    text.skip()
    if text.peek():
        raise UnreadableError("there is more after the array")


def _row(place: int, value: Any, reading: Reading) -> Found:
    return Row(place, reading.fields(value)) if isinstance(value, dict) else Unreadable(place, NOT_AN_OBJECT)


class _Text:
    """A text that comes in pieces, of which no more is held than one value."""

    def __init__(self, chunks: Iterator[str], reading: Reading) -> None:
        self._chunks, self._reading = chunks, reading
        self._text, self._at = "", 0

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the next character."""
        self._at += 1

    def value(self) -> Any:
        """The next value; UnreadableError where it is none, or longer than a record may be."""
        decoder = json.JSONDecoder()
        self.peek()
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.msg.startswith(_UNFINISHED) or error.pos >= len(self._text) - _TAIL
                if not is_cut or not self._more():
                    raise UnreadableError(NOT_JSON) from None
            except (ValueError, RecursionError):
                raise UnreadableError(NOT_JSON) from None
            else:
                # a number at the end of what is held may go on
                if end < len(self._text) or not self._more():
                    self._at = end
                    return value
            if len(self._text) - self._at > 2 * self._reading.limits.max_record_characters:
                raise UnreadableError(f"an object of over {self._reading.too_long(len(self._text))}")

    def _more(self) -> bool:
        """Hold twice as much, so that a long value is not parsed once a piece; False at the end."""
        held = [self._text[self._at :]]
        wanted, size = 2 * len(held[0]) + 1, len(held[0])
        for chunk in self._chunks:
            held.append(chunk)
            size += len(chunk)
            if size >= wanted:
                break
        grown = size > len(held[0])
        self._text, self._at = "".join(held), 0
        return grown
