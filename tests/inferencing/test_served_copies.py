"""Which copies in Triton's repository a sweep takes."""

from datetime import timedelta

from include.artifacts.history import Place
from include.artifacts.outcome import Outcome, record
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import MANIFEST, ArtifactStore
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing.deployments import TASK
from include.inferencing.rollout import transitions
from include.inferencing.served_copies import sweep_copies
from tests.conftest import ObjectStoreServer
from tests.gates import made_package, put_in_service, rollout_of, serving_of
from tests.inferencing.conftest import run_of

USE_CASE = "copies"


def served(store: ArtifactStore, name: str, day: int) -> ArtifactRef:
    """A package that became the champion."""
    package, run = made_package(store, name), run_of(USE_CASE, day)
    put_in_service(store, run, serving_of(store, USE_CASE, package))
    place = Place(**run.model_dump(), task=TASK)
    record(store, place, Outcome(package, False, "ran", {"deployed": True}, 0.1))
    return package


def test_what_may_serve_or_come_back_keeps_its_copy(object_store_server: ObjectStoreServer) -> None:
    address = object_store_server.address(bucket="copies")
    store = ArtifactStore(address, window=timedelta(seconds=-1))
    store.bucket.ensure()
    fresh = ArtifactStore(address)
    packages = [served(fresh, f"served-{number}", number) for number in (1, 2, 3)]
    transitions.left(store.bucket, USE_CASE, champion.model_name(USE_CASE, packages[0]))
    candidate, stranger = made_package(fresh, "candidate"), made_package(fresh, "stranger")
    transitions.start(store.bucket, rollout_of(run_of(USE_CASE, 4), serving_of(fresh, USE_CASE, candidate)))
    root = settings().model_repository
    prefixes = {ref: f"{root}/{champion.model_name(USE_CASE, ref)}" for ref in (*packages, candidate, stranger)}
    for prefix in prefixes.values():
        store.bucket.put_bytes(f"{prefix}/config.pbtxt", b"")

    assert [piece.prefix for piece in sweep_copies(store, dry_run=True)] == [prefixes[stranger]]
    # a retention has let go of the first champion
    store.bucket.delete([f"{packages[0].prefix}/{MANIFEST}"])
    assert {piece.prefix for piece in sweep_copies(store)} == {prefixes[stranger], prefixes[packages[0]]}
