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
from include.inferencing.deployments import deployments


def sweep_copies(store: ArtifactStore, *, dry_run: bool = False) -> list[Garbage]:
    """Delete copies of packages that nothing names and that no champion was served from, as far as results stay.

    What stays is champion, candidate, what leaves, and each earlier champion whose package a retention has kept: it
    comes back without being copied. Of the rest, what this project put there goes once it is older than the store's
    window, which every deployment begins anew. A package that is served again is copied again from its artifact.
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
    aliases = [champion.read_alias(store.bucket, use_case)[0] for use_case in _use_cases(store)]
    named = {name for alias in aliases for name in alias.named}
    served = (one for one in deployments(store)[0] if store.find(one.package.step, one.package.fingerprint))
    return named | {one.model_name for one in served}


def _is_old(store: ArtifactStore, items: list[StoredObject]) -> bool:
    return datetime.now(UTC) - max(item.modified for item in items) > store.window


def _garbage(prefix: str, items: list[StoredObject]) -> Garbage:
    keys, size = tuple(item.key for item in items), sum(item.size for item in items)
    return Garbage(prefix, "a served copy of no champion", keys, size)
