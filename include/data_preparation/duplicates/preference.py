"""Which of several documents with the same or a similar text stays."""

from datetime import datetime

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
