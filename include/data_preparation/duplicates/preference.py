"""Which of several documents with the same or a similar text stays."""

from datetime import datetime
from typing import Any

from include.data_preparation.duplicates.keys import group_starts

SECONDS, LENGTH = 40, 20
GENERATED_BIT = SECONDS + LENGTH


def preference(name: str, generated: bool, event_time: str) -> int:
    """The smaller stays: a real text before a generated one, then one without a time, then what happened first (to
    the second), then a short id (the public name). One number, so that every task orders alike."""
    seconds = int(datetime.fromisoformat(event_time).timestamp()) if event_time else 0
    packed = int(generated)
    for value, bits in ((seconds, SECONDS), (len(name), LENGTH)):
        packed = packed << bits | min(max(value, 0), (1 << bits) - 1)
    return packed


def standing(text: Any, order: Any, known: Any, texts: int) -> Any:
    """How preferred each of `texts` texts is, the smaller the more: a real text before a generated one, then what the
    earliest dataset had, then by preference.

    `text`, `order` (the preference) and `known` (the number of the first dataset that had its id or its text) are those
    of documents; a text stands as its most preferred document does. A text without one stands last.
    """
    import numpy

    generated = order >> numpy.uint64(GENERATED_BIT)
    rows = numpy.lexsort((order, known, generated))
    starts = group_starts(generated[rows], known[rows], order[rows])
    place = numpy.repeat(numpy.arange(len(starts)), numpy.diff(numpy.append(starts, len(rows))))
    found = numpy.full(texts, len(rows), dtype=numpy.uint64)
    numpy.minimum.at(found, text[rows], place.astype(numpy.uint64))
    return found
