"""How much memory the pages of a Parquet file need, told by their headers before any is decoded.

The file's footer names the size of whole column chunks alone, and pyarrow shows no page: a page is decompressed whole
and a dictionary copied, however few rows are asked for.
"""

from pathlib import Path
from typing import IO, Any, NamedTuple

from include.data_preparation.readers.found import UnreadableError

_FIRST, _MOST = 512, 1 << 20
_DICTIONARY = 2
# types of Thrift's compact protocol
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, 12
_DEEPEST = 4


class Pages(NamedTuple):
    """Bytes of the largest pages of a column chunk."""

    data: int = 0
    dictionary: int = 0
    packed: int = 0

    @property
    def memory(self) -> int:
        """Bytes that reading the chunk takes beside its rows."""
        return self.data + 2 * self.dictionary + self.packed


def largest_pages(path: Path, chunk: Any) -> Pages:
    """The largest pages of a column chunk of pyarrow's metadata; UnreadableError where their headers are damaged."""
    starts = (chunk.dictionary_page_offset or 0, chunk.data_page_offset)
    start = min(one for one in starts if one > 0)
    end, found = start + chunk.total_compressed_size, Pages()
    with path.open("rb") as file:
        while start < end:
            kind, size, packed, length = _header(file, start)
            if kind == _DICTIONARY:
                found = found._replace(dictionary=max(found.dictionary, size))
            else:
                found = found._replace(data=max(found.data, size))
            found = found._replace(packed=max(found.packed, packed))
            start += length + packed
    return found


def _header(file: IO[bytes], start: int) -> tuple[int, int, int, int]:
    """Kind, size, packed size and length of the page header at a place."""
    for window in (_FIRST, _MOST):
        file.seek(start)
        header = _Compact(file.read(window))
        try:
            fields = header.integers()
            kind, size, packed = fields[1], fields[2], fields[3]
        except (IndexError, KeyError):
            continue
        if size < 0 or packed < 0:
            break
        return kind, size, packed, header.place
    raise UnreadableError("the file is damaged: no page where one should be")


class _Compact:
    """Reads Thrift's compact protocol; IndexError where the bytes end, KeyError for what no page header has."""

    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    def integers(self, depth: int = 0) -> dict[int, int]:
        """The integers of a struct by field, those of structs inside it left out."""
        found: dict[int, int] = {}
        name = 0
        while head := self._byte():
            name = name + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            if kind in _INTEGERS:
                found[name] = self._integer()
            elif kind == _STRUCT and depth < _DEEPEST:
                self.integers(depth + 1)
            else:
                self._skip(kind)
        return found

    def _skip(self, kind: int) -> None:
        if kind not in (_TRUE, _FALSE):
            length = self._varint() if kind == _BINARY else {_BYTE: 1, _DOUBLE: 8}[kind]
            self.place += length

    def _byte(self) -> int:
        self.place += 1
        return self._data[self.place - 1]

    def _varint(self) -> int:
        value, shift = 0, 0
        while (byte := self._byte()) & 128:
            value |= (byte & 127) << shift
            shift += 7
            if shift > 63:
                raise KeyError
        return value | byte << shift

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
