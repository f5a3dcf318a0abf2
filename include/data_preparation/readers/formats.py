"""Which reader reads a file: by what the source says, by its name, by its first bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import get_args

from include.data_preparation.config.collections import Format
from include.data_preparation.readers.archives import members
from include.data_preparation.readers.delimited import read_delimited
from include.data_preparation.readers.found import MIB, ForeignError, Found, Reading, Unreadable, UnreadableError
from include.data_preparation.readers.html import read_html
from include.data_preparation.readers.json_text import read_json, read_json_lines
from include.data_preparation.readers.packed import Budget, inner_name, packing, unpacked
from include.data_preparation.readers.parquet import read_parquet
from include.data_preparation.readers.pdf import read_pdf
from include.data_preparation.readers.prose import read_markdown, read_text

READERS: dict[Format, Callable[[Path, Reading], Iterator[Found]]] = {
    "jsonl": read_json_lines,
    "json": read_json,
    "csv": read_delimited,
    "parquet": read_parquet,
    "text": read_text,
    "markdown": read_markdown,
    "html": read_html,
    "pdf": read_pdf,
}
assert set(READERS) == set(get_args(Format))
EXTENSIONS: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".tab": "csv",
    ".parquet": "parquet", ".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown",
    ".html": "html", ".htm": "html", ".xhtml": "html", ".pdf": "pdf",
}  # fmt: skip
ARCHIVES = ("zip", "tar")
HEAD = 1024
DEEPEST = 3
"""Archives and compressed files inside one another."""


def read_file(name: str, path: Path, reading: Reading) -> Iterator[tuple[str, Found]]:
    """Everything in a file and in what is packed in it, with the names of the files: `a.zip/b.csv`.

    Nothing that a file holds raises: what cannot be read is Unreadable with its reason.
    """
    size, most = path.stat().st_size, reading.limits.max_file_mb * MIB
    if size > most:
        yield name, Unreadable(0, f"{size} bytes, and a file may have {most}", breaks=True)
        return
    yield from _read(name, name, path, reading, Budget(path, reading.limits), DEEPEST)


def _read(
    label: str, name: str, path: Path, reading: Reading, budget: Budget, depth: int
) -> Iterator[tuple[str, Found]]:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        kind = packing(name, head)
        if not head.strip():
            raise UnreadableError("empty")
        if kind and not depth:
            raise UnreadableError(f"packed more than {DEEPEST} times")
        if kind in ARCHIVES:
            yield from _members(label, kind, path, reading, budget, depth - 1)
        elif kind:
            with unpacked(path, kind, reading, budget) as target:
                yield from _read(label, inner_name(name), target, reading, budget, depth - 1)
        else:
            form = reading.format or _format(name, head)
            reading.formats[form] += 1
            for found in READERS[form](path, reading):
                yield label, found
    except UnreadableError as error:
        yield label, _whole(error)


def _whole(error: UnreadableError) -> Unreadable:
    """The entry of a whole file."""
    foreign = isinstance(error, ForeignError)
    return Unreadable(0, str(error), breaks=not foreign, foreign=foreign)


def _members(
    label: str, kind: str, path: Path, reading: Reading, budget: Budget, depth: int
) -> Iterator[tuple[str, Found]]:
    count = 0
    for name, unpack in members(path, kind, reading):
        inner, count = f"{label}/{name}", count + 1
        try:
            if isinstance(unpack, UnreadableError):
                raise unpack
            target = unpack(budget)
        except UnreadableError as error:
            yield inner, _whole(error)
            continue
        try:
            yield from _read(inner, name, target, reading, budget, depth)
        finally:
            target.unlink()
    if not count:
        raise UnreadableError("empty")


def _format(name: str, head: bytes) -> Format:
    known = EXTENSIONS.get(PurePosixPath(name).suffix.lower())
    if known:
        return known
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith(b"%pdf-"):
        return "pdf"
    if start.startswith(b"par1"):
        return "parquet"
    if start.startswith((b"<!doctype html", b"<html")):
        return "html"
    if start.startswith((b"{", b"[")):
        return "json"
    raise ForeignError("its format is not known: name it in the source's format")
