"""What readers give: rows, and places that cannot be read."""

import errno
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.data_preparation.config.collections import ColumnsConfig, Format, LimitsConfig

MIB = 1 << 20
SYSTEM = {
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ESTALE, errno.EMFILE,
    errno.ENFILE, errno.ENOMEM, errno.EFBIG,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One record as its file says it: `fields` may have text, title, id and license.

    `place` is its line, row or page, from 1 on; 0 where the record is the whole file.
    """

    place: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Unreadable:
    """A place that holds no record, and why: never with what stands there, which may be personal."""

    place: int
    reason: str
    breaks: bool = False
    """Whether all that follows in its file is lost with it."""
    foreign: bool = False
    """Whether it is a whole file that is no part of what a source is: in no known format, or without content."""


Found = Row | Unreadable


class UnreadableError(Exception):
    """Why a file, or the rest of it, cannot be read."""


class ForeignError(UnreadableError):
    """Why a file is none that a source is read for."""


def is_of_the_system(error: BaseException) -> bool:
    """Whether an error says more of this machine than of a file: a full disk is no damaged file."""
    return isinstance(error, OSError) and error.errno in SYSTEM


@contextmanager
def told_as(reason: str) -> Iterator[None]:
    """Whatever a library makes of a damaged file, as UnreadableError; what the system itself refuses stays an OSError.

    `{}` in the reason is the kind of error.
    """
    try:
        yield
    except UnreadableError:
        raise
    except Exception as error:
        if is_of_the_system(error):
            raise
        raise UnreadableError(reason.format(type(error).__name__)) from error


@dataclass
class Reading:
    """How files are read, a scratch folder, and what was decided on the way.

    `formats` and `encodings` count files.
    """

    scratch: Path
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    format: Format | None = None
    encoding: str = ""
    formats: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a table's row under the names that all records have."""
        named = self.columns.model_dump()
        return {name: row[column] for name, column in named.items() if column and row.get(column) is not None}

    def lines(self, next_line: Callable[[int], bytes]) -> Iterator[bytes | Unreadable]:
        """Lines with their ends, by what gives the next one up to a size; of one that is too long, how long it is."""
        # no encoding needs more than four bytes a character
        most = 4 * self.limits.max_record_characters
        for line in iter(lambda: next_line(most), b""):
            size, last = len(line), line
            while len(last) == most and not last.endswith(b"\n"):
                last = next_line(most)
                size += len(last)
            yield line if last is line else Unreadable(0, f"a line of {self.too_long(size, 'bytes')}")

    def too_long(self, size: int, unit: str = "characters") -> str:
        """The reason to leave out a record of a size."""
        return f"{size} {unit}, and a record may have {self.limits.max_record_characters} characters"
