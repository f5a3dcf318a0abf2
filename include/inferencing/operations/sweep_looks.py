"""What looks leave behind and nobody opens any more: their reports after a week, traffic documents after a month."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from include.artifacts.bucket import StoredObject
from include.artifacts.ref import split_prefix
from include.artifacts.store import MANIFEST, ArtifactStore
from include.artifacts.sweep import Folder, Garbage, delete, whole
from include.inferencing.operations.spans import MONTH, day_of
from include.inferencing.traffic import TRAFFIC

LOOKS = "inferencing/operations/"
# pages that people come back to
STAY = ("inferencing.operations.weekly_page",)
KEPT = timedelta(days=7)


def sweep_looks(store: ArtifactStore, *, dry_run: bool = False) -> list[Garbage]:
    """Delete reports of looks that are older than a week, and traffic that no look reads; what goes."""
    now, grouped = datetime.now(UTC), defaultdict[tuple[str, str, str], list[StoredObject]](list)
    for item in store.bucket.objects(LOOKS):
        if place := split_prefix(item.key):
            grouped[place].append(item)
    going = [
        whole(folder, "a look of more than a week ago")
        for place, items in grouped.items()
        if (folder := Folder(*place, items)).step not in STAY and _committed_before(folder, now - KEPT)
    ]
    # a day longer than the longest window: the hours that it is kept as are made first
    old = [item for item in store.bucket.objects(TRAFFIC) if item.modified < now - MONTH - timedelta(days=1)]
    if old:
        keys, size = tuple(item.key for item in old), sum(item.size for item in old)
        going.append(Garbage(TRAFFIC, "traffic of more than a month ago", keys, size))
    last = (now - MONTH - timedelta(days=1)).date().isoformat()
    days = [item for item in store.bucket.objects("serving/") if (day := day_of(item.key)) and day < last]
    if days:
        keys, size = tuple(item.key for item in days), sum(item.size for item in days)
        going.append(Garbage("serving/", "days of traffic of more than a month ago", keys, size))
    if not dry_run:
        delete(store, going)
    return going


def _committed_before(folder: Folder, moment: datetime) -> bool:
    """Whether a manifest was written before a moment; what has none is the general sweep's."""
    return any(item.key == f"{folder.prefix}/{MANIFEST}" and item.modified < moment for item in folder.objects)
