"""Delete what no manifest names: what killed and losing writers left, and checkpoints of finished jobs.

A writer commits an attempt within five sixths of the store's window after the attempt began, and takes one up within
half of it; what is swept is older than the whole window. So the sweep never meets a writer, as long as the clocks of
both differ by less than a sixth of the window.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pydantic import ValidationError

from include.artifacts import multipart
from include.artifacts.bucket import StoredObject
from include.artifacts.claim import CLAIMS
from include.artifacts.conditions import PROBES
from include.artifacts.document import JOBS
from include.artifacts.manifest import Manifest
from include.artifacts.multipart import PendingUpload
from include.artifacts.ref import artifact_prefix, split_prefix
from include.artifacts.store import MANIFEST, ArtifactStore, attempt_birth
from include.core.errors import ArtifactNotFoundError

CHECKPOINTS = ".checkpoints"
READERS = 8
# windows after which an unfinished job is not expected to go on
ABANDONED = 7


class Folder(NamedTuple):
    """All that lies below one artifact's prefix."""

    step: str
    fingerprint: str
    prefix: str
    objects: list[StoredObject]

    @property
    def committed(self) -> bool:
        """Whether a manifest makes it an artifact."""
        return any(item.key == f"{self.prefix}/{MANIFEST}" for item in self.objects)

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(item.size for item in self.objects)


class Garbage(NamedTuple):
    """Objects that one reason condemns; `manifest` is deleted before them."""

    prefix: str
    reason: str
    keys: tuple[str, ...]
    size: int
    manifest: str = ""

    @property
    def objects(self) -> int:
        """Number of objects."""
        return len(self.keys) + bool(self.manifest)


class Swept(NamedTuple):
    """What a sweep deleted, or would delete."""

    garbage: list[Garbage]
    uploads: list[PendingUpload]
    unreadable: list[str]

    @property
    def objects(self) -> int:
        """Number of objects."""
        return sum(found.objects for found in self.garbage)

    @property
    def size(self) -> int:
        """Bytes of the objects."""
        return sum(found.size for found in self.garbage)


def sweep(store: ArtifactStore, *, dry_run: bool = False) -> Swept:
    """Delete uncommitted files, pending uploads and spent checkpoints that are older than the store's window."""
    # before the listing: what is old now was committed before it, or never will be, however long the listing takes
    born_before = datetime.now(UTC) - store.window
    found = list(folders(store))
    manifests, unreadable = read_manifests(store, found)
    garbage = [piece for folder in found for piece in _uncommitted(folder, manifests, unreadable, born_before)]
    garbage += _spent_checkpoints(found, manifests, store.window)
    garbage += _left_behind(store)
    uploads = [upload for upload in multipart.pending(store.bucket, "") if _is_old(upload, born_before)]
    if not dry_run:
        delete(store, garbage)
        for upload in uploads:
            multipart.abort(store.bucket, upload)
    return Swept(garbage, uploads, sorted(unreadable))


def delete(store: ArtifactStore, garbage: Iterable[Garbage]) -> None:
    """Delete, manifests first: what is deleted by half is invisible, and the next sweep takes the rest."""
    pieces = list(garbage)
    store.bucket.delete(piece.manifest for piece in pieces if piece.manifest)
    store.bucket.delete(key for piece in pieces for key in piece.keys)


def folders(store: ArtifactStore) -> Iterator[Folder]:
    """Every artifact's folder in the bucket, committed or not, by one listing."""
    grouped: dict[tuple[str, str, str], list[StoredObject]] = defaultdict(list)
    for item in store.bucket.objects(""):
        if place := split_prefix(item.key):
            grouped[place].append(item)
    for (step, fingerprint, prefix), objects in grouped.items():
        yield Folder(step, fingerprint, prefix, objects)


def read_manifests(store: ArtifactStore, found: Iterable[Folder]) -> tuple[dict[str, Manifest], set[str]]:
    """Manifests by prefix, and the prefixes whose manifest cannot be read (damaged, or of another format)."""

    def read(folder: Folder) -> tuple[str, Manifest | str | None]:
        try:
            data, _ = store.bucket.get_bytes(f"{folder.prefix}/{MANIFEST}")
            return folder.prefix, Manifest.model_validate_json(data)
        except ArtifactNotFoundError:
            return folder.prefix, None
        except ValidationError:
            return folder.prefix, "unreadable"

    with ThreadPoolExecutor(READERS) as pool:
        answers = list(pool.map(read, [folder for folder in found if folder.committed]))
    manifests = {prefix: value for prefix, value in answers if isinstance(value, Manifest)}
    return manifests, {prefix for prefix, value in answers if value == "unreadable"}


def _uncommitted(
    folder: Folder, manifests: dict[str, Manifest], unreadable: set[str], born_before: datetime
) -> Iterator[Garbage]:
    """Of old attempts the files that the manifest does not name; nothing beside a manifest that cannot be read."""
    if folder.prefix in unreadable or (folder.committed and folder.prefix not in manifests):
        return
    manifest = manifests.get(folder.prefix)
    named = {manifest.key(entry) for entry in manifest.files} if manifest else set()
    attempts: dict[str, list[StoredObject]] = defaultdict(list)
    for item in folder.objects:
        if item.key != f"{folder.prefix}/{MANIFEST}" and item.key not in named:
            attempts[item.key.removeprefix(f"{folder.prefix}/").partition("/")[0]].append(item)
    for attempt, objects in attempts.items():
        if (attempt_birth(attempt) or max(item.modified for item in objects)) < born_before:
            reason = "a replaced or losing writer's files" if manifest else "files of a writer that did not commit"
            yield Garbage(
                folder.prefix, reason, tuple(item.key for item in objects), sum(item.size for item in objects)
            )


def _spent_checkpoints(found: list[Folder], manifests: dict[str, Manifest], window: timedelta) -> Iterator[Garbage]:
    """Checkpoints whose job has committed its result, or was not resumed for long."""
    committed = {folder.prefix for folder in found if folder.committed}
    for folder in found:
        manifest = manifests.get(folder.prefix)
        if manifest is None or not folder.step.endswith(CHECKPOINTS):
            continue
        owner = artifact_prefix(folder.step.removesuffix(CHECKPOINTS), str(manifest.parts.inputs.get("job")))
        age = datetime.now(UTC) - datetime.fromisoformat(manifest.created_at)
        if owner in committed and age > window:
            yield whole(folder, "a checkpoint of a finished job")
        elif age > window * ABANDONED:
            yield whole(folder, "a checkpoint of a job that nobody resumed")


def _left_behind(store: ArtifactStore) -> Iterator[Garbage]:
    """Claims of dead workers that nobody took over, and what killed start-up checks wrote."""
    yield from _old_jobs(store)
    for prefix, reason in ((CLAIMS, "a dead worker's claim"), (PROBES, "a killed start-up check's object")):
        old = [item for item in store.bucket.objects(prefix) if datetime.now(UTC) - item.modified > store.window]
        if old:
            yield Garbage(prefix, reason, tuple(item.key for item in old), sum(item.size for item in old))


def _old_jobs(store: ArtifactStore) -> Iterator[Garbage]:
    """What was kept of jobs that are long over: one that lives shows it every few seconds."""
    jobs: dict[str, list[StoredObject]] = defaultdict(list)
    for item in store.bucket.objects(JOBS):
        jobs[item.key.removeprefix(JOBS).partition("/")[0]].append(item)
    for name, objects in jobs.items():
        if datetime.now(UTC) - max(item.modified for item in objects) > store.window * ABANDONED:
            yield Garbage(
                f"{JOBS}{name}", "a job's log", tuple(item.key for item in objects), sum(item.size for item in objects)
            )


def whole(folder: Folder, reason: str) -> Garbage:
    """A committed artifact as something to delete."""
    manifest = f"{folder.prefix}/{MANIFEST}"
    keys = tuple(item.key for item in folder.objects if item.key != manifest)
    return Garbage(folder.prefix, reason, keys, folder.size, manifest)


def _is_old(upload: PendingUpload, born_before: datetime) -> bool:
    """Whether an upload is of an artifact's file, and of an attempt that is too old to be committed."""
    place = split_prefix(upload.key)
    if place is None:
        return False
    attempt = upload.key.removeprefix(f"{place[2]}/").partition("/")[0]
    return (attempt_birth(attempt) or upload.started) < born_before
