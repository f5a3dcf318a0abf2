"""What Triton's repository holds of packages that no champion serves any more."""

from collections import defaultdict
from datetime import UTC, datetime

from include.artifacts.bucket import StoredObject
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import Garbage
from include.core.settings import settings
from include.inferencing import champion


def unused_copies(store: ArtifactStore) -> list[Garbage]:
    """Copies of packages that are no use case's champion nor the one before it, older than the store's window.

    A package that is served again is copied again from its artifact.
    """
    root = f"{settings().model_repository}/"
    serving: set[str] = set()
    for use_case in champion.use_cases(store.bucket):
        current = champion.read(store.bucket, use_case)
        if current:
            serving |= {current.model_name, current.previous.model_name if current.previous else ""}
    copies: dict[str, list[StoredObject]] = defaultdict(list)
    for item in store.bucket.objects(root):
        model, slash, _ = item.key.removeprefix(root).partition("/")
        if slash and model not in serving:
            copies[model].append(item)
    return [
        Garbage(
            f"{root}{model}", "a served copy of no champion", tuple(i.key for i in items), sum(i.size for i in items)
        )
        for model, items in sorted(copies.items())
        if datetime.now(UTC) - max(item.modified for item in items) > store.window
    ]
