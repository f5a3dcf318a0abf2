"""The artifact store: files first, manifest last, and nothing visible before it."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from include.artifacts import multipart, transfer
from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.manifest import FileEntry, Manifest, file_key
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.scratch import require_room
from include.core.errors import ArtifactNotFoundError, ConfigurationError, CorruptedArtifactError, StoreUnavailableError

MANIFEST = "manifest.json"
BIRTH = "%Y%m%dT%H%M%SZ"
# an upload is taken up for half of it, committed for five sixths of it, and swept after it
WINDOW = timedelta(hours=24)


def files_of(folder: Path) -> dict[str, Path]:
    """All files of a folder by their names; ConfigurationError for what cannot be stored as one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() and not path.is_file():
            raise ConfigurationError(name, str(path.readlink()), "a link to no file", "Write the files themselves")
        if not path.is_dir():
            if name.encode("utf-8", "replace").decode() != name:
                raise ConfigurationError(repr(name), "", "the name is not UTF-8", "Give the file another name")
            found[name] = path
    return found


def new_attempt() -> str:
    """A name for an attempt that begins now."""
    return f"{datetime.now(UTC).strftime(BIRTH)}-{uuid.uuid4().hex[:12]}"


def attempt_birth(attempt: str) -> datetime | None:
    """When an attempt began, UTC, from its name; None for a name that is no attempt's."""
    try:
        return datetime.strptime(attempt.partition("-")[0], BIRTH).replace(tzinfo=UTC)
    except ValueError:
        return None


def attempt_age(attempt: str) -> timedelta | None:
    """How long ago an attempt began; None for a name that is no attempt's."""
    birth = attempt_birth(attempt)
    return datetime.now(UTC) - birth if birth else None


class ArtifactStore:
    """Commits and reads artifacts in one bucket."""

    def __init__(self, address: StoreAddress, retries: int = 8, window: timedelta = WINDOW) -> None:
        self.bucket, self.window = Bucket(address, retries), window

    def find(self, step: str, fingerprint: str) -> Manifest | None:
        """The manifest of a committed artifact, or None."""
        key = f"{artifact_prefix(step, fingerprint)}/{MANIFEST}"
        try:
            data, _ = self.bucket.get_bytes(key)
        except ArtifactNotFoundError:
            return None
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            raise CorruptedArtifactError(
                key, data[:40], "the manifest cannot be read", "Restore it, or run its step again with force_rerun"
            ) from error

    def manifest(self, ref: ArtifactRef) -> Manifest:
        """The manifest that a reference names; ArtifactNotFoundError or CorruptedArtifactError otherwise."""
        found = self.find(ref.step, ref.fingerprint)
        if found is None:
            raise ArtifactNotFoundError(
                str(ref), ref.prefix, "no such artifact is committed", "Run the step that writes it"
            )
        if found.digest != ref.digest:
            raise CorruptedArtifactError(
                str(ref),
                found.digest[:12],
                f"the manifest is not the one referenced ({ref.digest[:12]})",
                "Run the workflow again",
            )
        return found

    def upload(
        self, prefix: str, folder: Path, *, fresh: bool = False, attempt: str = ""
    ) -> tuple[str, tuple[FileEntry, ...]]:
        """Upload a folder's files; invisible until a manifest names the attempt that is returned with them.

        What a killed writer of the same artifact left is taken up, unless `fresh` asks for all bytes anew. Several
        writers of one artifact's files share the `attempt` that they are given.
        """
        attempt, present = (attempt, {}) if attempt else self._attempt(prefix, fresh=fresh)
        base = f"{prefix}/{attempt}"
        paths = files_of(folder)
        if self.bucket.address.on_this_machine:
            require_room(folder, sum(path.stat().st_size for path in paths.values()))

        def send(name: str, path: Path) -> FileEntry:
            entry, data = transfer.read_small(path, name)
            if present.get(file_key(base, entry)) != entry.size:
                self.bucket.put_bytes(file_key(base, entry), data)
            return entry

        large = {name: path for name, path in paths.items() if transfer.block_size(path.stat().st_size)}
        small = {name: path for name, path in paths.items() if name not in large}
        with transfer.threads(path.stat().st_size for path in small.values()) as pool:
            entries = list(pool.map(send, small.keys(), small.values()))
        with ThreadPoolExecutor(transfer.TRANSFERS) as pool:
            for name, path in large.items():
                entry = transfer.describe(path, name, pool)
                key = file_key(base, entry)
                if present.get(key) != entry.size:
                    # by its whole key: MinIO lists no uploads by a folder's prefix
                    upload = next((found for found in multipart.pending(self.bucket, key) if found.key == key), None)
                    transfer.upload_blocks(self.bucket, key, path, entry, pool, upload)
                entries.append(entry)
        return attempt, tuple(sorted(entries, key=lambda entry: entry.path))

    def _attempt(self, prefix: str, *, fresh: bool) -> tuple[str, dict[str, int]]:
        """An attempt to upload under, and the sizes of the objects that are there already."""
        if not fresh:
            present = {item.key: item.size for item in self.bucket.objects(f"{prefix}/")}
            keys = [*present, *(upload.key for upload in multipart.pending(self.bucket, f"{prefix}/"))]
            names = {key.removeprefix(f"{prefix}/").partition("/")[0] for key in keys}
            young = [name for name in names if (age := attempt_age(name)) is not None and age < self.window / 2]
            if young:
                return max(young), present
        return new_attempt(), {}

    def commit(self, manifest: Manifest) -> Manifest:
        """Make an uploaded attempt visible; where another writer was first, its manifest is the answer.

        What the other writers uploaded is left to the sweep, the only one that deletes.
        """
        self._require_young(manifest)
        prefix = artifact_prefix(manifest.step, manifest.fingerprint)
        if self.bucket.put_bytes(
            f"{prefix}/{MANIFEST}", manifest.model_dump_json(indent=1).encode(), if_none_match=True
        ):
            return manifest
        winner = self.find(manifest.step, manifest.fingerprint)
        if winner is None:
            raise StoreUnavailableError(
                prefix,
                manifest.fingerprint,
                "another writer's manifest vanished during the commit",
                "Run the step again",
            )
        return winner

    def _require_young(self, manifest: Manifest) -> None:
        """Files of an attempt older than the window may be swept at any moment."""
        age = attempt_age(manifest.attempt)
        if age is None or age > self.window * 5 / 6:
            raise StoreUnavailableError(
                f"{manifest.ref}",
                manifest.attempt,
                f"its upload took longer than {self.window * 5 / 6}",
                "Run it again",
            )

    def replace(self, manifest: Manifest) -> Manifest:
        """Make an attempt visible in place of the committed one (a forced rerun); the sweep takes the old files."""
        self._require_young(manifest)
        prefix = artifact_prefix(manifest.step, manifest.fingerprint)
        self.bucket.put_bytes(f"{prefix}/{MANIFEST}", manifest.model_dump_json(indent=1).encode())
        return manifest

    def fetch(self, ref: ArtifactRef, folder: Path, *, only: str = "") -> Path:
        """Download an artifact (or the files whose path starts with `only`) into `folder`, verified."""
        manifest = self.manifest(ref)
        entries = [entry for entry in manifest.files if entry.path.startswith(only)]
        folder.mkdir(parents=True, exist_ok=True)
        require_room(folder, sum(entry.size for entry in entries))

        targets = {}
        for entry in entries:
            target = (folder / entry.path).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise CorruptedArtifactError(
                    str(ref), entry.path, "a file's path leaves the artifact's folder", "Do not use this artifact"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            targets[entry.path] = target

        def receive(entry: FileEntry) -> None:
            transfer.download(self.bucket, manifest.key(entry), targets[entry.path], entry)

        small = [entry for entry in entries if not entry.block]
        with transfer.threads(entry.size for entry in small) as pool:
            list(pool.map(receive, small))
        with ThreadPoolExecutor(transfer.TRANSFERS) as pool:
            for entry in (entry for entry in entries if entry.block):
                transfer.download(self.bucket, manifest.key(entry), targets[entry.path], entry, pool)
        return folder

    def read(self, ref: ArtifactRef, path: str) -> bytes:
        """One small file of an artifact, verified."""
        manifest = self.manifest(ref)
        for entry in manifest.files:
            if entry.path == path:
                return transfer.read(self.bucket, manifest.key(entry), entry)
        raise ArtifactNotFoundError(str(ref), path, "the artifact has no such file", "Look at its manifest")
