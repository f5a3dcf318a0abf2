"""Comma- or tab-separated values: a header, quoted newlines, and rows whose columns shift."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from include.data_preparation.readers.encodings import numbered_lines
from include.data_preparation.readers.found import Found, Reading, Row, Unreadable, UnreadableError

DELIMITERS = (",", ";", "\t", "|")
_NAMED = re.compile(r"sep=([^\r\n\"])\r?\n?")
SAMPLED_ROWS, MOST_LINES = 50, 1000


def read_delimited(path: Path, reading: Reading) -> Iterator[Found]:
    """A record a row below the header; `place` is the line that it begins on, the header's being the first.

    A row whose number of columns is not the header's is unreadable; where it spans lines, only its first one is, and
    reading goes on at the next: a quote that nobody closes takes no other row with it.
    """
    lines = _Lines(numbered_lines(path, reading), reading.limits.max_record_characters)
    head = lines.ahead(SAMPLED_ROWS)
    if not head:
        return
    delimiter = lines.named_delimiter()
    if not delimiter:
        with lines.fields_fit():
            delimiter = _delimiter(head)
    if not lines.ahead(1):
        return
    first, header = lines.row(delimiter)
    if isinstance(header, Unreadable):
        yield Unreadable(first, f"its header cannot be read: {header.reason}", breaks=True)
        return
    header = [name.strip() for name in header]
    if reading.columns.text not in header:
        raise UnreadableError(f"none of its {len(header)} columns is called {reading.columns.text}")
    if twice := [name for name in set(reading.columns.model_dump().values()) if name and header.count(name) > 1]:
        raise UnreadableError(f"two of its columns are called {min(twice)}")
    while lines.ahead(1):
        number, row = lines.row(delimiter, len(header))
        if isinstance(row, Unreadable):
            yield row
        elif row:
            yield Row(number, reading.fields({name: value for name, value in zip(header, row, strict=True) if value}))


def _delimiter(lines: list[str | Unreadable]) -> str:
    """The delimiter by which most rows have as many columns as the first one, and more than one."""
    texts = [line for line in lines if isinstance(line, str)]

    def fit(delimiter: str) -> tuple[int, int]:
        try:
            rows = list(csv.reader(texts, delimiter=delimiter))
        except csv.Error:
            return 0, 0
        columns = len(rows[0]) if rows else 0
        return (sum(len(row) == columns for row in rows), columns) if columns > 1 else (0, 0)

    return max(DELIMITERS, key=fit)


class _Lines:
    """Numbered lines that can be given back."""

    def __init__(self, lines: Iterator[tuple[int, str | Unreadable]], most: int) -> None:
        self._lines, self._most = lines, most
        self._held: deque[tuple[int, str | Unreadable]] = deque()

    @contextmanager
    def fields_fit(self) -> Iterator[None]:
        """Fields may be as long as a record. The limit is the whole process's, so it is put back."""
        before = csv.field_size_limit(self._most)
        try:
            yield
        finally:
            csv.field_size_limit(before)

    def ahead(self, count: int) -> list[str | Unreadable]:
        """The next lines, which stay to be read."""
        self._held.extend(islice(self._lines, max(0, count - len(self._held))))
        return [line for _, line in islice(self._held, count)]

    def named_delimiter(self) -> str:
        """What Excel's first line `sep=;` names, which is no header; empty where there is none."""
        first = self._held[0][1]
        named = _NAMED.fullmatch(first) if isinstance(first, str) else None
        if named:
            self._held.popleft()
        return named[1] if named else ""

    def row(self, delimiter: str, columns: int = 0) -> tuple[int, list[str] | Unreadable]:
        """The number of the next row's first line, and its values or why there are none.

        An empty line has none. Only the first line of what is no row is gone.
        """
        taken: list[tuple[int, str | Unreadable]] = []
        try:
            with self.fields_fit():
                row = next(csv.reader(self._texts(taken), delimiter=delimiter, strict=True), [])
            if not row or not columns or len(row) == columns:
                return taken[0][0], row
            problem = f"{len(row)} columns, and the header has {columns}"
        except csv.Error as error:
            problem = "a field that is too long" if "field larger" in str(error) else "its quotes do not match"
        self._held.extendleft(reversed(taken[1:]))
        number, first = taken[0]
        return number, first if isinstance(first, Unreadable) else Unreadable(number, problem)

    def _texts(self, taken: list[tuple[int, str | Unreadable]]) -> Iterator[str]:
        size = 0
        while self.ahead(1) and len(taken) < MOST_LINES and size <= self._most:
            taken.append(self._held.popleft())
            line = taken[-1][1]
            if isinstance(line, Unreadable):
                # the row that it is part of has no end
                raise csv.Error(line.reason)
            size += len(line)
            yield line
