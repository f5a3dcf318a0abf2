"""What users have said of a use case's answers, counted."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from include.artifacts.bucket import StoredObject
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.feedback.said import Said, newest, said_prefix
from include.overview.kept import Reader, parsed

DAYS = 30
# versions that a look reads: of more the newest, and the page says so
MOST_READ = 1000
READERS = 8


class Feedback(NamedTuple):
    """Answers that were judged, of those given in the last DAYS days; `unread` older versions were not looked at.

    `days` are day -> thumbs up and thumbs down of its answers.
    """

    up: int
    down: int
    corrections: int
    days: dict[str, tuple[int, int]]
    unread: int


def read_feedback(reader: Reader, use_case: str, at: datetime) -> Feedback:
    """Count what counts at a moment: of each answer what was said last, nothing that was taken back.

    A version is read once.
    """
    prefix, first = said_prefix(use_case), (at - timedelta(days=DAYS)).date().isoformat()
    items = [item for item in reader.bucket.objects(prefix) if item.key.removeprefix(prefix) >= first]
    with ThreadPoolExecutor(READERS) as pool:
        read = list(pool.map(lambda item: _said(reader, item), items[-MOST_READ:]))
    counted = newest((one for one in read if one is not None), at)
    days: dict[str, tuple[int, int]] = {}
    for one in counted:
        up, down = days.get(one.day, (0, 0))
        days[one.day] = (up + (one.thumb == "up"), down + (one.thumb == "down"))
    thumbs = [one.thumb for one in counted]
    corrections = sum(bool(one.correction) for one in counted)
    unread = max(0, len(items) - MOST_READ)
    return Feedback(thumbs.count("up"), thumbs.count("down"), corrections, dict(sorted(days.items())), unread)


def _said(reader: Reader, item: StoredObject) -> Said | None:
    """A version without its texts, which may be erased from the store: of a correction, that there was one."""

    def read() -> Said | None:
        try:
            said = parsed(Said, reader.bucket.get_bytes(item.key)[0], item.key)
        except CorruptedArtifactError:
            return None
        return said.model_copy(update={"question": "", "answer": "", "correction": "yes" if said.correction else ""})

    try:
        return reader.kept.get((*reader.place, item.key, item.etag, "said"), read)
    except ArtifactNotFoundError:
        return None
