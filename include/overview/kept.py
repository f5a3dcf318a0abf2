"""Reads a store's documents and artifacts, each version of them once: what is named by its content never changes."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from cachetools import LRUCache
from pydantic import BaseModel, ValidationError

from include.artifacts import transfer
from include.artifacts.bucket import StoredObject
from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError

# of one value in the store, and of all that is kept as it lies in memory
MOST_BYTES, MOST_KEPT = 1 << 20, 64 << 20
# that a value takes beside its own bytes, and a parsed document for each of its bytes
ROUND, PARSED = 500, 6
T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)


class Kept:
    """The values that were asked for last, by key, in about `most` bytes; for any number of threads."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self.lock = threading.Lock()
        self.values: LRUCache[Hashable, tuple[object, int]] = LRUCache(most, getsizeof=lambda kept: kept[1])

    def get(self, key: Hashable, make: Callable[[], T], keep: Callable[[T], bool] = lambda _: True) -> T:
        """The value of a key, made where it is not kept; what `keep` refuses is made each time."""
        with self.lock:
            if key in self.values:
                return cast(T, self.values[key][0])
        made = make()
        if keep(made) and (size := _size(made)) <= self.values.maxsize:
            with self.lock:
                self.values[key] = (made, size)
        return made


class Reader:
    """One store, and what is kept of it between two looks. Raises what the store raises."""

    def __init__(self, store: ArtifactStore, kept: Kept) -> None:
        self.store, self.bucket, self.kept = store, store.bucket, kept
        self.place = (store.bucket.address.endpoint, store.bucket.address.bucket)

    def object(self, item: StoredObject) -> bytes:
        """The bytes of an object that a listing shows, of the version that it shows or a newer one."""
        return self.kept.get((*self.place, item.key, item.etag), lambda: self.bucket.get_bytes(item.key)[0], _is_small)

    def manifest(self, ref: ArtifactRef) -> Manifest:
        """The manifest that a reference names."""
        return self.kept.get((*self.place, ref), lambda: self.store.manifest(ref))

    def file(self, ref: ArtifactRef, path: str) -> bytes:
        """A small file of an artifact, verified."""
        return self.kept.get((*self.place, ref, path), lambda: self._file(ref, path), _is_small)

    def _file(self, ref: ArtifactRef, path: str) -> bytes:
        manifest = self.manifest(ref)
        for entry in manifest.files:
            if entry.path == path:
                return transfer.read(self.bucket, manifest.key(entry), entry)
        raise ArtifactNotFoundError(str(ref), path, "the artifact has no such file", "Run its step again")


def parsed(model: type[Model], data: bytes | dict[str, Any], source: str) -> Model:
    """A document as what it has to be; CorruptedArtifactError, which names `source`, where it is something else."""
    try:
        return model.model_validate_json(data) if isinstance(data, bytes) else model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        problem, remedy = f"it cannot be read ({where}: {first['msg']})", "Restore it, or run the workflow again"
        raise CorruptedArtifactError(source, repr(first["input"])[:80], problem, remedy) from error


def _is_small(data: bytes) -> bool:
    return len(data) <= MOST_BYTES


def _size(value: object) -> int:
    """About what a value takes in memory."""
    if isinstance(value, BaseModel):
        return ROUND + PARSED * len(value.model_dump_json())
    return ROUND + (len(value) if isinstance(value, bytes) else 0)
