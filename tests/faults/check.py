"""What must be so after all the kills."""

import shutil
import time
from collections import Counter
from pathlib import Path

from include.artifacts import multipart
from include.artifacts.claim import CLAIMS
from include.artifacts.ref import split_prefix
from include.artifacts.store import MANIFEST, ArtifactStore
from include.artifacts.sweep import sweep
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.core.settings import settings
from tests.faults.made_step import differs, made_step
from tests.faults.workers import Scene, is_large, reference


def check(scene: Scene, copies: Path) -> dict[str, int]:
    """Counts of what was looked at, and of each thing that must not be."""
    store = scene.store()
    _await_sweep(store, time.monotonic() + scene.window.total_seconds() * 2 + 30)
    seen = Counter(next(iter(problem)) for problem in scene.problems.read())
    whole, torn, left = _manifests(store, copies)
    lost, differing = _ledger(scene, store)
    return {
        "artifacts": whole + torn,
        "torn": torn + seen["torn"],
        "lost": lost + seen["lost"],
        "differing": differing,
        "left": left,
        "pending": len(multipart.pending(store.bucket, "")),
        "locks": _locks(store),
        "errors": seen["error"],
    }


def _await_sweep(store: ArtifactStore, deadline: float) -> None:
    """Sweep until all that no manifest names is older than the window and gone."""
    while time.monotonic() < deadline:
        sweep(store)
        if not _unnamed(store) and not multipart.pending(store.bucket, "") and not store.bucket.keys(CLAIMS):
            return
        time.sleep(0.5)


def _unnamed(store: ArtifactStore) -> set[str]:
    """Keys below artifacts' prefixes that no manifest names, and claims that nobody holds any more."""
    keys = {key for key in store.bucket.keys("") if split_prefix(key) or key.startswith(CLAIMS)}
    for key in [key for key in keys if key.endswith(f"/{MANIFEST}")]:
        manifest = store.find(*(split_prefix(key) or ("", ""))[:2])
        keys -= {key, *(manifest.key(entry) for entry in manifest.files)} if manifest else set()
    return keys


def _manifests(store: ArtifactStore, copies: Path) -> tuple[int, int, int]:
    """Whole and torn artifacts, each fetched and compared byte by byte; and what should have been swept."""
    whole = torn = 0
    for key in [key for key in store.bucket.keys("") if key.endswith(f"/{MANIFEST}")]:
        try:
            step, fingerprint, _ = split_prefix(key) or ("", "", "")
            manifest = store.find(step, fingerprint)
            assert manifest
            name = str(manifest.parts.config["name"])
            bad = differs(store.fetch(manifest.ref, copies / fingerprint), name, is_large(name))
            shutil.rmtree(copies / fingerprint)
        except (CorruptedArtifactError, ArtifactNotFoundError):
            bad = True
        torn, whole = torn + bad, whole + (not bad)
    return whole, torn, len(_unnamed(store))


def _ledger(scene: Scene, store: ArtifactStore) -> tuple[int, int]:
    """References that a writer received and that no longer name an artifact; names with more than one reference."""
    lost, refs = 0, dict[str, set[str]]()
    for entry in scene.committed.read():
        ref = reference(entry)
        refs.setdefault(str(entry["name"]), set()).add(ref.model_dump_json())
        try:
            store.manifest(ref)
        except (CorruptedArtifactError, ArtifactNotFoundError):
            lost += 1
    return lost, sum(len(found) > 1 for found in refs.values())


def _locks(store: ArtifactStore) -> int:
    """Claims on artifacts, and what is left in the scratch folder once another step has run."""
    made_step(store, name="-1", large=False)
    return len(store.bucket.keys(CLAIMS)) + len(list(settings().scratch.iterdir()))
