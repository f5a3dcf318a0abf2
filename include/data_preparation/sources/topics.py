"""The topics of Python's own help()."""

import re

from include.data_preparation.documents import Document
from include.data_preparation.sources.docstrings import PYTHON_LICENSE


def topics() -> list[Document]:
    """All of them, by name."""
    from pydoc_data.topics import topics as found

    return [
        Document(f"topic:{name}", "pydoc_topics", topic_title(name, text), text, PYTHON_LICENSE)
        for name, text in sorted(found.items())
    ]


def topic_title(name: str, text: str) -> str:
    """A topic's heading as a phrase, with code in backticks; its name where it has no heading."""
    heading = re.match(r"\s*(\S[^\n]{0,100})\n[*=~^-]{3,}\s*\n", text)
    if not heading:
        return name
    return re.sub(r'"([^"]+)"', r"`\1`", re.sub(r"^(The|An?) ", lambda word: word[0].lower(), heading[1]))
