"""Which artifacts stay: what aliases name, what the last runs used, and all that these descend from."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from include.artifacts.document import ALIASES, APPROVALS, Document
from include.artifacts.history import History, RunRecord, sortable
from include.artifacts.manifest import Manifest
from include.artifacts.ref import references_in
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import ABANDONED, CHECKPOINTS, Garbage, folders, read_manifests, whole
from include.core.errors import ConfigurationError, CorruptedArtifactError


class Retained(NamedTuple):
    """What a retention keeps and what it deletes, or would delete."""

    kept: int
    kept_size: int
    going: list[Garbage]
    unreadable: list[str]
    """Artifacts of another format, or damaged: they are left alone."""

    @property
    def size(self) -> int:
        """Bytes of what goes."""
        return sum(piece.size for piece in self.going)


def retain(store: ArtifactStore, runs: int, *, dry_run: bool = True) -> Retained:
    """Keep what aliases and approvals name, what the last `runs` runs of each use case used, and their ancestors.

    The rest goes. What was made or used within seven windows stays too: a run may be under way. So does what the last
    gates of a use case let through, for later runs are compared with it. Only manifests are deleted; the sweep takes
    the files. A run that begins to use an artifact in the moment of its deletion fails and, started again, makes it
    anew.
    """
    if runs < 1:
        raise ConfigurationError("keep_runs", runs, "at least the last run has to stay", "Give 1 or more")
    found = list(folders(store))
    manifests, unreadable = read_manifests(store, found)
    kept = ancestors(set(_roots(store, runs, manifests)), manifests)
    going = [
        whole(folder, f"no alias names it, none of the last {runs} runs used it")
        for folder in found
        if folder.prefix in manifests and folder.prefix not in kept and not folder.step.endswith(CHECKPOINTS)
    ]
    if not dry_run:
        # a run may have begun since: what it uses has a record by now
        kept |= ancestors(set(_used(store, runs)), manifests)
        going = [piece for piece in going if piece.prefix not in kept and _is_unchanged(store, piece, manifests)]
        # their files are the next sweep's: those of a writer that is at work beside this stay
        store.bucket.delete(piece.manifest for piece in going)
    stays = [folder for folder in found if folder.prefix in kept]
    return Retained(len(stays), sum(folder.size for folder in stays), going, sorted(unreadable))


def ancestors(roots: set[str], manifests: dict[str, Manifest]) -> set[str]:
    """The prefixes of `roots` and of all that they descend from."""
    seen: set[str] = set()
    waiting = list(roots)
    while waiting:
        prefix = waiting.pop()
        if prefix in seen:
            continue
        seen.add(prefix)
        if manifest := manifests.get(prefix):
            waiting += [ref.prefix for ref in references_in([manifest.inputs, manifest.metrics])]
    return seen


def _roots(store: ArtifactStore, runs: int, manifests: dict[str, Manifest]) -> Iterator[str]:
    for key in [*store.bucket.keys(ALIASES), *store.bucket.keys(APPROVALS)]:
        yield from (ref.prefix for ref in references_in(Document(store.bucket, key).read()[0]))
    yield from _used(store, runs)
    for prefix, manifest in manifests.items():
        if _is_fresh(manifest.created_at, store):
            yield prefix


def _used(store: ArtifactStore, runs: int) -> Iterator[str]:
    """Prefixes of what the last runs of each use case used, and of what any run used within the window."""
    history = History(store.bucket)
    for use_case in history.use_cases():
        by_run: dict[str, list[RunRecord]] = defaultdict(list)
        for record in history.records(use_case):
            by_run[record.place.run_id].append(record)
        newest = sorted(by_run.values(), key=lambda records: max(record.at for record in records), reverse=True)
        for number, records in enumerate(newest):
            yield from (record.ref.prefix for record in records if number < runs or _is_fresh(record.at, store))
        passed = [record for records in newest for record in records if record.metrics.get("passed")]
        latest = {record.place.folder: record for record in sorted(passed, key=lambda r: sortable(r.place.as_of))}
        yield from (record.ref.prefix for record in latest.values())


def _is_fresh(moment: str, store: ArtifactStore) -> bool:
    return datetime.now(UTC) - datetime.fromisoformat(moment) < store.window * ABANDONED


def _is_unchanged(store: ArtifactStore, piece: Garbage, manifests: dict[str, Manifest]) -> bool:
    """Whether no forced run has replaced the artifact since it was judged."""
    judged = manifests[piece.prefix]
    try:
        current = store.find(judged.step, judged.fingerprint)
    except CorruptedArtifactError:
        return False
    return current is not None and current.attempt == judged.attempt
