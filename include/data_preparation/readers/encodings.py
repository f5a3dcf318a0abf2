"""Bytes to text: UTF-8, then what a byte order mark says, then what charset-normalizer is sure of, line by line."""

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, NamedTuple

from include.data_preparation.readers.found import Reading, Unreadable, UnreadableError

# the longer marks first: UTF-32's begins with UTF-16's
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE, CHUNK = 64 << 10, 256 << 10
# charset-normalizer's share of disorder above which a guess is no more than that
MOST_CHAOS = 0.25
WESTERN, FEW = "cp1252", 0.3
# what no one writes any more, and fits as well as what they do write
RARE = [
    "cp1006", "cp1125", "hp_roman8", "iso8859_3", "iso8859_4", "iso8859_10", "iso8859_14", "iso8859_16", "koi8_t",
    "kz1048", "mac_cyrillic", "mac_greek", "mac_iceland", "mac_latin2", "mac_turkish", "ptcp154", "shift_jis_2004",
    "shift_jisx0213", "euc_jis_2004", "euc_jisx0213",
]  # fmt: skip
UNKNOWN = "not UTF-8, and no other encoding fits"


class Encoding(NamedTuple):
    """What a file's bytes mean: `name` where all of it is in one, `fallback` for the lines that are not UTF-8."""

    name: str = ""
    mark: bytes = b""
    fallback: str = ""
    mixed: bool = False

    @property
    def label(self) -> str:
        """What reports call it."""
        if self.name or not self.fallback:
            return self.name or "utf-8"
        return f"utf-8 and {self.fallback}" if self.mixed else self.fallback

    def decode(self, data: bytes) -> str:
        """The text of a line; UnreadableError where it is none."""
        try:
            return data.decode(self.name or "utf-8")
        except UnicodeError:
            if self.name or not self.fallback:
                raise UnreadableError(f"not {self.name}" if self.name else UNKNOWN) from None
        if _is_damaged_utf8(data):
            return _patched(data)
        try:
            return data.decode(self.fallback)
        except UnicodeError:
            raise UnreadableError(f"neither UTF-8 nor {self.fallback}, as other lines are") from None


def numbered_lines(path: Path, reading: Reading) -> Iterator[tuple[int, str | Unreadable]]:
    """Lines with their ends, numbered from 1; one that is too long, or in no encoding, with the reason."""
    encoding = _encoding_of(path, reading)
    reading.encodings[encoding.label] += 1
    lines = _wide_lines(path, encoding, reading) if _is_wide(encoding.name) else _lines(path, encoding, reading)
    for number, line in enumerate(lines, 1):
        yield number, replace(line, place=number) if isinstance(line, Unreadable) else line


def whole_text(path: Path, reading: Reading, most_bytes: int) -> str:
    """The text of a file; UnreadableError where it is too large, or in no encoding."""
    size = path.stat().st_size
    if size > most_bytes:
        raise UnreadableError(reading.too_long(size, "bytes"))
    encoding = _encoding_of(path, reading)
    data = path.read_bytes().removeprefix(encoding.mark)
    lines = [data] if _is_wide(encoding.name) else data.splitlines(keepends=True)
    text = "".join(encoding.decode(line) for line in lines)
    if "\0" in text:
        raise UnreadableError("binary data and no text")
    reading.encodings[encoding.label] += 1
    return text


def text_chunks(path: Path, reading: Reading) -> Iterator[str]:
    """The text of a file, a piece at a time, for formats without lines; UnreadableError where it is none."""
    encoding = _encoding_of(path, reading)
    reading.encodings[encoding.label] += 1
    with path.open("rb") as file:
        file.seek(len(encoding.mark))
        if _is_wide(encoding.name):
            yield from _wide_chunks(file, encoding.name)
            return
        rest = b""
        while chunk := file.read(CHUNK):
            rest += chunk
            # no encoding has these bytes inside a character
            end = max(rest.rfind(b'"'), rest.rfind(b"\n"), rest.rfind(b",")) + 1
            if len(rest) - end > 4 * reading.limits.max_record_characters:
                raise UnreadableError(reading.too_long(len(rest), "bytes"))
            yield encoding.decode(rest[:end])
            rest = rest[end:]
        yield encoding.decode(rest)


def _encoding_of(path: Path, reading: Reading) -> Encoding:
    with path.open("rb") as file:
        head = file.read(4096)
        if reading.encoding:
            return Encoding(name=codecs.lookup(reading.encoding).name)
        for mark, name in MARKS:
            if head.startswith(mark):
                return Encoding(name, mark) if _is_wide(name) else _of_lines(file, mark)
        # ASCII letters in UTF-16 are every other byte 0
        zeros = (head[0::2].count(0), head[1::2].count(0))
        if len(head) >= 4 and max(zeros) > len(head) * 0.2 and min(zeros) < len(head) * 0.02:
            return Encoding("utf-16-be" if zeros[0] > zeros[1] else "utf-16-le")
        return _of_lines(file, b"")


def _of_lines(file: IO[bytes], mark: bytes) -> Encoding:
    """By the lines that are not UTF-8, of which a sample decides."""
    file.seek(len(mark))
    sample, damaged, good = b"", False, False
    for line in iter(lambda: file.readline(SAMPLE), b""):
        try:
            good |= not line.isascii() and bool(line.decode())
        except UnicodeDecodeError as error:
            if len(line) == SAMPLE and error.start >= SAMPLE - 3:
                continue  # a character that the end of the sample cuts
            if _is_damaged_utf8(line):
                damaged = True
            elif len(sample) < SAMPLE:
                sample += line
    if sample:
        return Encoding(mark=mark, fallback=_guess(sample[:SAMPLE]), mixed=good or damaged or bool(mark))
    return Encoding(mark=mark, fallback=WESTERN if damaged else "", mixed=damaged)


def _guess(sample: bytes) -> str:
    """The encoding that charset-normalizer finds, or none."""
    from charset_normalizer import from_bytes

    if b"\0" in sample:
        return ""
    found = from_bytes(sample, threshold=MOST_CHAOS, cp_exclusion=RARE)
    best = found.best()
    if best is None:
        return ""
    # where few letters are not ASCII, encodings of Europe often fit equally well
    few = sum(byte > 127 for byte in sample) < len(sample) * FEW
    equal = [one for one in found if one.percent_chaos <= best.percent_chaos]
    return WESTERN if few and any(WESTERN in one.could_be_from_charset for one in equal) else str(best.encoding)


def _is_damaged_utf8(line: bytes) -> bool:
    """Whether more of its letters are UTF-8 than are not: some bytes of it are from elsewhere."""
    valid = sum(not letter.isascii() for letter in line.decode("utf-8", "ignore"))
    return valid > line.decode("utf-8", "replace").count("\ufffd") - line.count("\ufffd".encode())


def _patched(line: bytes) -> str:
    """A line of UTF-8 whose other bytes are read as Western European ones."""
    text, rest = "", line
    while rest:
        try:
            return text + rest.decode()
        except UnicodeDecodeError as error:
            text += rest[: error.start].decode() + rest[error.start : error.end].decode(WESTERN, "replace")
            rest = rest[error.end :]
    return text


@contextmanager
def _line_reader(path: Path, skip: int) -> Iterator[Callable[[int], bytes]]:
    """What gives the next line up to a size; a carriage return ends it where a file has these alone."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
        if b"\n" in head or b"\r" not in head:
            file.seek(skip)
            yield file.readline
            return
    # each byte is one character of latin-1
    with path.open(encoding="latin-1", newline="\r") as text:
        text.read(skip)
        yield lambda most: text.readline(most).encode("latin-1").replace(b"\r", b"\n")


def _lines(path: Path, encoding: Encoding, reading: Reading) -> Iterator[str | Unreadable]:
    with _line_reader(path, len(encoding.mark)) as next_line:
        for line in reading.lines(next_line):
            if isinstance(line, Unreadable):
                yield line
                continue
            try:
                text = encoding.decode(line)
            except UnreadableError as error:
                yield Unreadable(0, str(error))
                continue
            long = len(text) > reading.limits.max_record_characters
            yield Unreadable(0, f"a line of {reading.too_long(len(text))}") if long else text


def _wide_lines(path: Path, encoding: Encoding, reading: Reading) -> Iterator[str | Unreadable]:
    most = reading.limits.max_record_characters
    with path.open("rb") as file:
        file.seek(len(encoding.mark))
        text, size = "", 0
        try:
            for chunk in _wide_chunks(file, encoding.name):
                *ended, rest = chunk.split("\n")
                for line in ended:
                    size += len(line) + 1
                    yield f"{text}{line}\n" if size <= most else Unreadable(0, f"a line of {reading.too_long(size)}")
                    text, size = "", 0
                size += len(rest)
                text = text + rest if size <= most else ""
        except UnreadableError as error:
            yield Unreadable(0, str(error), breaks=True)
            return
        if size:
            yield text if size <= most else Unreadable(0, f"a line of {reading.too_long(size)}")


def _wide_chunks(file: IO[bytes], name: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        while data := file.read(CHUNK):
            yield decoder.decode(data)
        yield decoder.decode(b"", final=True)
    except UnicodeError:
        raise UnreadableError(f"not {name} from here on") from None


def _is_wide(name: str) -> bool:
    with suppress(LookupError):
        return codecs.lookup(name).name.startswith(("utf-16", "utf-32")) if name else False
    return False
