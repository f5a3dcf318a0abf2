"""What runs of earlier moments had: what a gate compares with, and what all published datasets were made of."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from include.artifacts.history import History, Place
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError

if TYPE_CHECKING:
    from include.artifacts.manifest import FingerprintParts, Manifest
    from include.artifacts.step import Step

log = logging.getLogger(__name__)
# the task with which a run begins to look at data: what was published until then is what all of its tasks look back at
BEGINS = "data_preparation.aggregate"


def baseline(store: ArtifactStore, place: Place, argument: str, current: ArtifactRef) -> ArtifactRef | None:
    """What a gate's `argument` was in the newest run of an earlier moment that passed it.

    None where there is no such run, where its artifacts were deleted, and where it was `current` itself: a run
    without news is then the same as the one before.
    """
    record = History(store.bucket).before(place, passed=True)
    if record is None:
        return None
    try:
        found = as_it_is(store, record.ref).inputs[argument]
        if not isinstance(found, ArtifactRef) or found == current:
            return None
        return as_it_is(store, found).ref
    except ArtifactNotFoundError as error:
        log.warning("run %s is not compared with: %s", record.place.run_id, error)
        return None


def published(
    store: ArtifactStore, place: Place, source: str, step: "Step[...]", arguments: dict[str, Any]
) -> list[ArtifactRef]:
    """What a gate's argument was in all runs of earlier moments that passed it, the oldest first, each once.

    `source` is the gate's task and the argument. Left out are artifacts that were deleted, and those that were made of
    these very `arguments` of `step`, as far as both have them and apart from what was earlier then: a run without news
    looks at what the run before it looked at, and is the same. What was published since this run's `BEGINS` ended is
    left out too: its tasks must not look back at different datasets, whatever a backfill publishes beside them.
    """
    task, _, argument = source.partition(":")
    began = History(store.bucket).of(place.model_copy(update={"task": BEGINS, "map_index": -1}))
    here = step.parts(store, arguments)
    found: dict[ArtifactRef, None] = {}
    gates: set[ArtifactRef] = set()
    for run in History(store.bucket).passed_before(place.model_copy(update={"task": task, "map_index": -1})):
        # runs without news have one gate
        if run.ref in gates or (began and datetime.fromisoformat(run.at) > datetime.fromisoformat(began.at)):
            continue
        gates.add(run.ref)
        try:
            manifest = as_it_is(store, _one(as_it_is(store, run.ref).inputs, argument))
        except ArtifactNotFoundError as error:
            log.warning("run %s is not looked at: %s", run.place.run_id, error)
            continue
        if not _made_of_the_same(manifest.parts, here):
            found[manifest.ref] = None
    return list(found)


def _one(inputs: Mapping[str, Any], argument: str) -> ArtifactRef:
    """An argument of a gate; ArtifactNotFoundError where a gate of an earlier version had no such argument."""
    ref = inputs.get(argument)
    if not isinstance(ref, ArtifactRef):
        raise ArtifactNotFoundError(argument, str(ref), "the gate had no such input then", "Run it again")
    return ref


def _made_of_the_same(one: "FingerprintParts", two: "FingerprintParts") -> bool:
    parts = ((one.code, two.code), (one.libraries, two.libraries), (one.config, two.config), (one.inputs, two.inputs))
    return all(old[name] == new[name] for old, new in parts for name in old.keys() & new.keys() - {"earlier"})


def as_it_is(store: ArtifactStore, ref: ArtifactRef) -> "Manifest":
    """The manifest of an artifact whose bytes a forced run may have replaced since; ArtifactNotFoundError without."""
    found = store.find(ref.step, ref.fingerprint)
    if found is None:
        raise ArtifactNotFoundError(str(ref), ref.prefix, "it was deleted", "Restore it")
    return found
