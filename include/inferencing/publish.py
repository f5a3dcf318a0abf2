"""Copy what serves into Triton's repository."""

import logging

from include.artifacts import transfer
from include.artifacts.manifest import FileEntry, Manifest
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.core.settings import settings

LOG = logging.getLogger("genai.inferencing.publish")
CONFIG_FILE = "config.pbtxt"
CARD = ("model_card.json", "model_card.md")


def publish(store: ArtifactStore, package: ArtifactRef, name: str, card: ArtifactRef | None = None) -> None:
    """Copy the package, verified, into Triton's repository on the store's side, config.pbtxt last; its model card, as
    it was when the package went live, beside it."""
    if card:
        described = store.manifest(card)
        for entry in (one for one in described.files if one.path in CARD):
            store.bucket.copy(described.key(entry), f"{settings().model_repository}/{name}/{entry.path}")
    manifest = store.manifest(package)
    target = f"{settings().model_repository}/{name}"
    present = set(store.bucket.keys(f"{target}/"))
    for entry in sorted(_served(manifest), key=lambda entry: entry.path == CONFIG_FILE):
        served_key, source = f"{target}/{entry.path}", manifest.key(entry)
        # the last one is copied each time: a copy that is about to serve is young to the sweep
        is_last = entry.path == CONFIG_FILE
        if served_key in present and not is_last and _is_whole(store, served_key, entry):
            continue
        transfer.verify(store.bucket, source, entry)
        store.bucket.copy(source, served_key)


def is_published(store: ArtifactStore, package: ArtifactRef, name: str) -> bool:
    """Whether Triton's repository has each of the package's files, whatever is in them."""
    target = f"{settings().model_repository}/{name}/"
    present = {key.removeprefix(target) for key in store.bucket.keys(target)}
    return present >= {entry.path for entry in _served(store.manifest(package))}


def _served(manifest: Manifest) -> list[FileEntry]:
    return [entry for entry in manifest.files if "/" in entry.path or entry.path == CONFIG_FILE]


def _is_whole(store: ArtifactStore, key: str, entry: FileEntry) -> bool:
    try:
        transfer.verify(store.bucket, key, entry)
    except CorruptedArtifactError as error:
        LOG.warning("copied again: %s", error)
        return False
    return True
