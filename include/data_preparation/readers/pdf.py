"""PDF: the text layer of its pages; pictures of text are not read."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data_preparation.readers.found import MIB, Found, Reading, Row, Unreadable, UnreadableError, told_as

NO_TEXT = "no text layer"


def read_pdf(path: Path, reading: Reading) -> Iterator[Found]:
    """One record of all pages; a page that cannot be read, or is a picture, is unreadable by its number."""
    import pypdf

    size, most = path.stat().st_size, reading.limits.max_pdf_mb * MIB
    if size > most:
        raise UnreadableError(f"{size} bytes, and a PDF file may have {most}")
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with told_as("damaged: {}"), path.open("rb") as file:
        reader = pypdf.PdfReader(file, strict=False)
        # most encrypted files forbid printing, and open without a password
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("encrypted")
        count = len(reader.pages)
        if count > reading.limits.max_pdf_pages:
            raise UnreadableError(f"{count} pages, and {reading.limits.max_pdf_pages} are read")
        title = str(reader.metadata.get("/Title") or "").strip() if reader.metadata else ""
        yield from _pages(reader, title, reading)


def _pages(reader: Any, title: str, reading: Reading) -> Iterator[Found]:
    texts, size = [], 0
    lost: list[Unreadable] = []
    for number in range(1, len(reader.pages) + 1):
        try:
            text = _page_text(reader.pages[number - 1])
        except UnreadableError as error:
            lost.append(Unreadable(number, str(error)))
            continue
        size += len(text)
        if size > reading.limits.max_record_characters:
            raise UnreadableError(reading.too_long(size, "or more characters"))
        texts.append(text)
    text = "\n\n".join(filter(None, texts))
    if not text:
        raise UnreadableError(lost[0].reason if lost else NO_TEXT)
    yield from lost
    yield Row(0, {"text": text, "title": title} if title else {"text": text})


def _page_text(page: Any) -> str:
    """The page's text, empty for an empty page; UnreadableError for a picture, and a page that is damaged."""
    with told_as("damaged: {}"):
        text = str(page.extract_text()).strip()
        is_picture = not text and len(page.images.keys()) > 0
    if is_picture:
        raise UnreadableError(NO_TEXT)
    return text
