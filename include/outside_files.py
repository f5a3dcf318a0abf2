"""Files that people put into a folder, or below a prefix of the store's bucket: what no step wrote."""

import hashlib
import os
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from include.artifacts.bucket import Bucket, StoredObject
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, ChangedMeanwhileError, SourceError, StoreAccessError
from include.core.settings import PROJECT_ROOT

BUCKET_PREFIX = "s3:"
JSON_LINES, ZIPPED, PARQUET = ".jsonl", ".jsonl.gz", ".parquet"


class OutsideFile(ABC):
    """A file; its name is relative to the location, and `unusable` says why there is nothing to read."""

    def __init__(self, name: str, unusable: str = "") -> None:
        # names are bytes, and may be in no encoding
        self.name, self.unusable = name.encode("utf-8", "replace").decode(), unusable

    @abstractmethod
    def state(self) -> str:
        """What differs where its content does, and is the same on every machine."""

    @abstractmethod
    def local(self, scratch: Path) -> AbstractContextManager[Path]:
        """The file on this machine's disk, as long as it is needed."""


class FolderFile(OutsideFile):
    """A file of a folder."""

    def __init__(self, name: str, path: Path, unusable: str = "") -> None:
        super().__init__(name, unusable)
        self._path = path

    def state(self) -> str:
        """The digest of its bytes."""
        if self.unusable:
            return self.unusable
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def local(self, scratch: Path) -> Iterator[Path]:
        """Where it lies."""
        yield self._path


class BucketFile(OutsideFile):
    """An object of the store's bucket."""

    def __init__(self, name: str, stored: StoredObject, bucket: Bucket) -> None:
        super().__init__(name)
        self._stored, self._bucket = stored, bucket

    def state(self) -> str:
        """The server's digest of its bytes."""
        return f"{self._stored.size} {self._stored.etag}"

    @contextmanager
    def local(self, scratch: Path) -> Iterator[Path]:
        """A copy in scratch."""
        chunks = self._bucket.stream(self._stored.key, 0, self._stored.size) if self._stored.size else iter(())
        with tempfile.NamedTemporaryFile(dir=scratch) as copy:
            for chunk in chunks:
                copy.write(chunk)
            copy.flush()
            yield Path(copy.name)


def place_of(store: ArtifactStore, location: str) -> str:
    """Where a location is, for people."""
    if location.startswith(BUCKET_PREFIX):
        return f"s3://{store.bucket.address.bucket}/{_prefix(location)}"
    return f"{PROJECT_ROOT / location}/"


def list_files(store: ArtifactStore, location: str, field: str) -> list[OutsideFile]:
    """Everything below a location, in the order of names; SourceError, about `field`, where it cannot be listed."""
    if location.startswith(BUCKET_PREFIX):
        with about(field, location):
            prefix = _prefix(location)
            stored = [one for one in store.bucket.objects(prefix) if not one.key.endswith("/")]
            found: list[OutsideFile] = [BucketFile(one.key.removeprefix(prefix), one, store.bucket) for one in stored]
    else:
        with about(field, location):
            if (PROJECT_ROOT / location).is_file():
                raise SourceError(field, location, "it is a file", "Name its folder, and in files the file")
            found = list(walk(PROJECT_ROOT / location))
    return sorted(found, key=lambda file: file.name)


def list_row_files(store: ArtifactStore, location: str, field: str) -> list[OutsideFile]:
    """The JSON lines and Parquet files below a location, leaving out what begins with _ or a dot, in any folder too.

    SourceError, about `field`, where there are none, or one is in another format or unusable.
    """
    place, found = place_of(store, location), []
    for file in list_files(store, location, field):
        known = file.name.endswith((JSON_LINES, ZIPPED, PARQUET))
        if known and not file.unusable:
            found.append(file)
        elif not any(part.startswith(("_", ".")) for part in file.name.split("/")):
            problem = file.unusable or f"it does not end in {JSON_LINES}, {ZIPPED} or {PARQUET}"
            raise SourceError(field, place + file.name, problem, "Put its rows there, or move it elsewhere")
    if not found:
        raise SourceError(
            field,
            place,
            f"there are no files that end in {JSON_LINES}, {ZIPPED} or {PARQUET}",
            "Put them there, or correct the location",
        )
    return found


@contextmanager
def about(field: str, where: str) -> Iterator[None]:
    """What goes wrong with a file, as an error about `field`: its value is `where` that is."""
    try:
        yield
    except (ArtifactNotFoundError, FileNotFoundError):
        raise ChangedMeanwhileError(field, where, "it went away while it was read", "Try again") from None
    except StoreAccessError as error:
        raise SourceError(field, where, f"it may not be read: {error.problem}", error.remedy) from error
    except PermissionError as error:
        raise SourceError(
            field, where, f"it cannot be read: {error.strerror}: {error.filename}", "Let this user read it"
        ) from error
    except OSError as error:
        raise SourceError(field, where, f"it cannot be read: {error}", "Make it readable") from error


def _prefix(location: str) -> str:
    return location.removeprefix(BUCKET_PREFIX).rstrip("/") + "/"


def walk(folder: Path) -> Iterator[OutsideFile]:
    """Every file below a folder, links and devices as unusable ones; OSError where a folder may not be listed."""
    if not folder.is_dir():
        return
    root = folder.resolve()
    for parent, folders, files in os.walk(folder, onerror=_fail):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            yield FolderFile(path.relative_to(folder).as_posix(), path, _unusable(path, root))


def _unusable(path: Path, root: Path) -> str:
    try:
        inside = not path.is_symlink() or path.resolve().is_relative_to(root)
    except RuntimeError:
        return "a link that leads to itself"
    if not inside:
        return "a link that leads out of the source's folder"
    if path.is_symlink() and not path.is_file():
        return "a link to no file"
    return "" if path.is_file() else "no file but a device or pipe"


def _fail(error: OSError) -> None:
    raise error


def folder_or_prefix(value: str) -> str:
    """The location, where it is a folder or s3:<prefix>/; ValueError otherwise."""
    prefix = value.removeprefix(BUCKET_PREFIX)
    if re.match(r"[a-z][a-z0-9+.-]+:", value) and prefix == value:
        raise ValueError("neither a folder nor s3:<prefix>/ of the store's own bucket")
    if "://" in value or (prefix != value and (not prefix.strip("/") or prefix[0] == "/")):
        raise ValueError("neither a folder nor s3:<prefix>/ of the store's own bucket")
    return value
