"""HTML: the main content of a page, without what stands around it on every page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.data_preparation.config.collections import is_text_encoding
from include.data_preparation.readers.encodings import MARKS, whole_text
from include.data_preparation.readers.found import MIB, Found, Reading, Row, UnreadableError, told_as

# the parser compares each attribute of a tag with all others
MOST_ATTRIBUTES = 250
_TAG = re.compile(r"""<[a-zA-Z](?:=\s*+"[^"]*+"|=\s*+'[^']*+'|[^>])*+""")
_VALUE = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+')""")


def read_html(path: Path, reading: Reading) -> Iterator[Found]:
    """One record: what trafilatura takes for the page's content, all its text where it finds none, and its title."""
    page = _page(path, reading)
    tree = _parsed(page, reading)
    title = " ".join("".join(tree.xpath("string(//title)")).split())
    text = _main_content(tree) or _all_text(tree)
    if len(text) > reading.limits.max_record_characters:
        raise UnreadableError(reading.too_long(len(text)))
    yield Row(0, {"text": text, "title": title} if title else {"text": text})


def _page(path: Path, reading: Reading) -> str:
    """The page's text; what it declares as its encoding counts where its bytes agree."""
    size, most = path.stat().st_size, reading.limits.max_html_mb * MIB
    if size > most:
        raise UnreadableError(f"{size} bytes, and an HTML page may have {most}")
    data = path.read_bytes()
    declared = _declared(data[:2048])
    if declared and not reading.encoding and not any(data.startswith(mark) for mark, _ in MARKS):
        try:
            text = data.decode(declared)
        except UnicodeError:
            pass
        else:
            reading.encodings[declared.lower()] += 1
            return text
    return whole_text(path, reading, most)


def _declared(head: bytes) -> str:
    found = re.search(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w.:-]{2,40})""", head, re.IGNORECASE)
    name = found[1].decode("ascii", "ignore") if found else ""
    # a page that is read as bytes up to here is in no wide encoding
    return name if is_text_encoding(name) and not name.lower().startswith(("utf-16", "utf-32", "utf-7")) else ""


def _parsed(page: str, reading: Reading) -> Any:
    import lxml.html

    for tag in _TAG.finditer(page):
        if (
            tag.end() - tag.start() > MOST_ATTRIBUTES
            and len(_VALUE.sub(" ", tag[0]).replace("/", " ").split()) > MOST_ATTRIBUTES
        ):
            raise UnreadableError(f"a tag of over {MOST_ATTRIBUTES} attributes")
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    with told_as("no HTML"):
        tree = lxml.html.document_fromstring(page.encode("utf-8", "replace"), parser=parser, ensure_head_body=True)
    # the parser drops what is nested deeper than it follows, and goes on
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise UnreadableError("nested deeper than 256 elements, or larger than the parser takes")
    count = sum(1 for _ in tree.iter())
    if count > reading.limits.max_html_elements:
        raise UnreadableError(f"{count} elements, and an HTML page may have {reading.limits.max_html_elements}")
    return tree


def _main_content(tree: Any) -> str:
    import copy

    import trafilatura

    with told_as("its content is not found: {}"):
        found = trafilatura.extract(copy.deepcopy(tree), include_comments=False, include_tables=True)
    return str(found or "").strip()


def _all_text(tree: Any) -> str:
    import lxml.etree

    body = tree.find("body")
    lxml.etree.strip_elements(body, "script", "style", "template", "noscript", with_tail=False)
    return "\n".join(line for text in body.itertext() if (line := " ".join(text.split())))
