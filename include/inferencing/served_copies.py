"""What Triton's repository holds of packages that no champion serves any more."""

import re
from collections import defaultdict
from datetime import UTC, datetime

from include.artifacts.bucket import StoredObject
from include.artifacts.history import History
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import Garbage
from include.core.settings import settings
from include.inferencing import champion


def sweep_copies(store: ArtifactStore, *, dry_run: bool = False) -> list[Garbage]:
    """Delete copies of packages that are no use case's champion nor the one before it.

    Only what this project put there goes, older than the store's window, which every deployment begins anew. A
    package that is served again is copied again from its artifact.
    """
    root = f"{settings().model_repository}/"
    ours = {champion.model_prefix(name) for name in (*History(store.bucket).use_cases(), *_use_cases(store))}
    serving, copies = _serving(store), defaultdict[str, list[StoredObject]](list)
    for item in store.bucket.objects(root):
        model, slash, _ = item.key.removeprefix(root).partition("/")
        if slash and model not in serving and re.sub("[0-9a-f]{12}$", "", model) in ours:
            copies[model].append(item)
    going = [_garbage(f"{root}{model}", items) for model, items in sorted(copies.items()) if _is_old(store, items)]
    if not dry_run:
        # a deployment may have moved an alias since
        serving = _serving(store)
        going = [piece for piece in going if piece.prefix.removeprefix(root) not in serving]
        store.bucket.delete(key for piece in going for key in piece.keys)
    return going


def _use_cases(store: ArtifactStore) -> list[str]:
    return champion.use_cases(store.bucket)


def _serving(store: ArtifactStore) -> set[str]:
    found = [champion.read(store.bucket, use_case) for use_case in _use_cases(store)]
    return {one.model_name for current in found if current for one in (current, current.previous) if one}


def _is_old(store: ArtifactStore, items: list[StoredObject]) -> bool:
    return datetime.now(UTC) - max(item.modified for item in items) > store.window


def _garbage(prefix: str, items: list[StoredObject]) -> Garbage:
    keys, size = tuple(item.key for item in items), sum(item.size for item in items)
    return Garbage(prefix, "a served copy of no champion", keys, size)
