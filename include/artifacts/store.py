"""The artifact store: files first, manifest last, and nothing visible before it."""

import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import ValidationError

from include.artifacts.bucket import Bucket, StoreAddress, digest_file
from include.artifacts.manifest import FileEntry, Manifest
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.scratch import require_room
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError

MANIFEST = "manifest.json"
TRANSFERS = 4


class ArtifactStore:
    """Commits and reads artifacts in one bucket."""

    def __init__(self, address: StoreAddress, retries: int = 8) -> None:
        self.bucket = Bucket(address, retries)

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

    def upload(self, prefix: str, folder: Path) -> tuple[str, tuple[FileEntry, ...]]:
        """Upload a folder's files under a fresh attempt; invisible until a manifest names the attempt."""
        attempt = uuid.uuid4().hex[:12]
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if self.bucket.address.on_this_machine:
            require_room(folder, sum(path.stat().st_size for path in paths))

        def send(path: Path) -> FileEntry:
            name = path.relative_to(folder).as_posix()
            entry = FileEntry(path=name, size=path.stat().st_size, sha256=digest_file(path))
            self.bucket.put_file(f"{prefix}/{attempt}/{name}", path)
            return entry

        with ThreadPoolExecutor(TRANSFERS) as pool:
            return attempt, tuple(pool.map(send, paths))

    def commit(self, manifest: Manifest) -> Manifest:
        """Make an uploaded attempt visible; where another writer was first, its manifest is the answer."""
        prefix = artifact_prefix(manifest.step, manifest.fingerprint)
        if self.bucket.put_bytes(
            f"{prefix}/{MANIFEST}", manifest.model_dump_json(indent=1).encode(), if_none_match=True
        ):
            return manifest
        winner = self.find(manifest.step, manifest.fingerprint)
        if winner is None:
            raise ArtifactNotFoundError(
                prefix,
                manifest.fingerprint,
                "another writer's manifest vanished during the commit",
                "Run the step again",
            )
        if winner.attempt != manifest.attempt:
            self.bucket.delete(self.bucket.keys(f"{prefix}/{manifest.attempt}/"))
        return winner

    def replace(self, manifest: Manifest) -> Manifest:
        """Make an attempt visible in place of the committed one (a forced rerun); the old files stay unnamed."""
        prefix = artifact_prefix(manifest.step, manifest.fingerprint)
        self.bucket.put_bytes(f"{prefix}/{MANIFEST}", manifest.model_dump_json(indent=1).encode())
        return manifest

    def fetch(self, ref: ArtifactRef, folder: Path, *, only: str = "") -> Path:
        """Download an artifact (or the files whose path starts with `only`) into `folder`, verified."""
        manifest = self.manifest(ref)
        entries = [entry for entry in manifest.files if entry.path.startswith(only)]
        folder.mkdir(parents=True, exist_ok=True)
        require_room(folder, sum(entry.size for entry in entries))

        def receive(entry: FileEntry) -> None:
            target = (folder / entry.path).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise CorruptedArtifactError(
                    str(ref), entry.path, "a file's path leaves the artifact's folder", "Do not use this artifact"
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            self.bucket.get_file(f"{ref.prefix}/{manifest.attempt}/{entry.path}", target, entry.sha256)

        with ThreadPoolExecutor(TRANSFERS) as pool:
            list(pool.map(receive, entries))
        return folder

    def read(self, ref: ArtifactRef, path: str) -> bytes:
        """One small file of an artifact, verified."""
        manifest = self.manifest(ref)
        for entry in manifest.files:
            if entry.path == path:
                data, _ = self.bucket.get_bytes(f"{ref.prefix}/{manifest.attempt}/{path}")
                if hashlib.sha256(data).hexdigest() != entry.sha256:
                    raise CorruptedArtifactError(
                        f"{ref}/{path}",
                        len(data),
                        "the object's bytes do not match the manifest",
                        "Run its step again with force_rerun",
                    )
                return data
        raise ArtifactNotFoundError(str(ref), path, "the artifact has no such file", "Look at its manifest")


class Document:
    """A small JSON document that changes by compare-and-swap only (aliases, serving state)."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self.bucket, self.key = bucket, key

    def read(self) -> tuple[dict[str, object] | None, str | None]:
        """The value and its version; (None, None) before the first write."""
        try:
            data, version = self.bucket.get_bytes(self.key)
        except ArtifactNotFoundError:
            return None, None
        try:
            value = json.loads(data)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise CorruptedArtifactError(self.key, data[:40], "it is no JSON object", "Delete it from the bucket")
        return value, version

    def swap(self, value: dict[str, object], version: str | None) -> bool:
        """Write `value` if the document still has `version` (None: if it does not exist yet)."""
        data = json.dumps(value, indent=1).encode()
        return self.bucket.put_bytes(self.key, data, if_none_match=version is None, if_match=version) is not None

    def write(self, value: dict[str, object]) -> None:
        """Write without a condition: for hints that may be lost."""
        self.bucket.put_bytes(self.key, json.dumps(value, indent=1).encode())
