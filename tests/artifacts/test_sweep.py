"""What the sweep and the retention delete, and what they leave alone, on a real S3 server."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from include.artifacts import multipart
from include.artifacts.document import Document
from include.artifacts.history import Place
from include.artifacts.manifest import FingerprintParts, Manifest
from include.artifacts.outcome import record
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.retention import retain
from include.artifacts.store import BIRTH, MANIFEST, WINDOW, ArtifactStore
from include.artifacts.sweep import sweep
from include.core.errors import ConfigurationError
from tests.artifacts.sample_step import sample_step
from tests.conftest import ObjectStoreServer

PREFIX = artifact_prefix("tests.sweep", "f" * 64)


@pytest.fixture
def store(object_store_server: ObjectStoreServer) -> ArtifactStore:
    """A store on a bucket of the test's own."""
    store = object_store_server.store(bucket=f"sweep-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    return store


def born(ago: timedelta) -> str:
    return f"{datetime.now(UTC) - ago:{BIRTH}}-{'a' * 12}"


def place(use_case: str, day: int) -> Place:
    moment = f"2026-01-{day:02d}T00:00:00+00:00"
    return Place(use_case=use_case, run_id=f"day-{day}", as_of=moment, task="sample")


def made_long_ago(store: ArtifactStore, ref: ArtifactRef) -> None:
    """As if the artifact and the record of the run that made it were a month old."""
    manifest = store.manifest(ref)
    then = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    aged = manifest.model_copy(update={"created_at": then})
    store.bucket.put_bytes(f"{ref.prefix}/{MANIFEST}", aged.model_dump_json().encode())
    for key in store.bucket.keys("runs/"):
        data, _ = store.bucket.get_bytes(key)
        text = data.decode()
        at = text.partition('"at": "')[2].partition('"')[0]
        if ref.fingerprint in text:
            store.bucket.put_bytes(key, text.replace(at, then).encode())


def test_only_what_is_older_than_the_window_and_named_by_no_manifest_goes(store: ArtifactStore) -> None:
    ref = sample_step(store, text="kept")
    old, young = f"{PREFIX}/{born(WINDOW * 2)}/ab/x.bin", f"{PREFIX}/{born(WINDOW / 2)}/ab/x.bin"
    beside = f"{ref.prefix}/{born(WINDOW * 2)}/ab/lost.bin"
    foreign = "sources/tickets/a.jsonl"
    for key in (old, young, beside, foreign):
        store.bucket.put_bytes(key, b"12345")
    uploads = [multipart.begin(store.bucket, key + ".part") for key in (old, young, foreign)]

    planned = sweep(store, dry_run=True)
    assert {key for piece in planned.garbage for key in piece.keys} == {old, beside}
    assert (planned.objects, planned.size) == (2, 10)
    assert old in store.bucket.keys("")

    swept = sweep(store)
    assert swept.objects == 2 and [upload.key for upload in swept.uploads] == [uploads[0].key]
    assert not {old, beside} & set(store.bucket.keys("")) and {young, foreign} <= set(store.bucket.keys(""))
    assert store.read(ref, "text.txt") == b"kept"
    left = {upload.key for upload in multipart.pending(store.bucket, "")}
    assert left == {uploads[1].key, uploads[2].key}


def test_nothing_beside_a_manifest_that_cannot_be_read_goes(store: ArtifactStore) -> None:
    key = f"{PREFIX}/{born(WINDOW * 2)}/ab/x.bin"
    store.bucket.put_bytes(key, b"1")
    store.bucket.put_bytes(f"{PREFIX}/{MANIFEST}", b'{"format": 1}')

    swept = sweep(store)
    assert (swept.objects, swept.unreadable) == (0, [PREFIX])
    assert key in store.bucket.keys("")
    assert retain(store, 1, dry_run=False).unreadable == [PREFIX]


def test_checkpoints_of_a_finished_job_go_and_those_of_an_unfinished_one_stay(
    store: ArtifactStore, tmp_path: Path
) -> None:
    owner = sample_step(store, text="done")
    (tmp_path / "state.bin").write_bytes(b"state")
    refs = {}
    for job in (owner.fingerprint, "0" * 64):
        fingerprint = job[::-1]
        attempt, files = store.upload(artifact_prefix(f"{owner.step}.checkpoints", fingerprint), tmp_path)
        parts = FingerprintParts(code={}, libraries={}, config={}, inputs={"job": job})
        refs[job] = store.commit(
            Manifest(
                kind="checkpoint",
                step=f"{owner.step}.checkpoints",
                fingerprint=fingerprint,
                attempt=attempt,
                parts=parts,
                inputs={},
                files=files,
                metrics={},
                created_at=datetime.now(UTC).isoformat(),
                created_by="test",
                seconds=0,
            )
        ).ref
    assert sweep(store).objects == 0
    for ref in refs.values():
        manifest = store.manifest(ref)
        aged = manifest.model_copy(update={"created_at": (datetime.now(UTC) - WINDOW * 2).isoformat()})
        store.bucket.put_bytes(f"{ref.prefix}/{MANIFEST}", aged.model_dump_json().encode())

    assert sweep(store).objects == 2
    assert store.find(owner.step + ".checkpoints", refs["0" * 64].fingerprint)
    assert not store.bucket.keys(refs[owner.fingerprint].prefix)


def test_retention_keeps_champions_the_last_runs_and_what_they_descend_from(store: ArtifactStore) -> None:
    source = sample_step(store, text="source")
    champion = sample_step.run(store, {"text": "champion", "source": source}, place=place("one", 1)).ref
    forgotten = sample_step.run(store, {"text": "forgotten"}, place=place("one", 2)).ref
    last = sample_step.run(store, {"text": "last"}, place=place("one", 3)).ref
    other = sample_step.run(store, {"text": "other"}, place=place("two", 1)).ref
    young = sample_step(store, text="young")
    approved = sample_step(store, text="approved")
    store.bucket.put_bytes(
        f"approvals/one/{approved.digest}-000001.json",
        json.dumps({"charter": approved.model_dump(mode="json")}).encode(),
    )
    assert Document(store.bucket, "aliases/one/champion.json").swap(
        {"model_name": "one", "package": champion.model_dump(mode="json")}, None
    )
    for ref in (source, champion, forgotten, last, other, approved):
        made_long_ago(store, ref)

    planned = retain(store, 1)
    assert [piece.prefix for piece in planned.going] == [forgotten.prefix]
    assert store.find(forgotten.step, forgotten.fingerprint)

    done = retain(store, 1, dry_run=False)
    assert (done.kept, len(done.going)) == (6, 1)
    assert store.find(forgotten.step, forgotten.fingerprint) is None
    assert store.bucket.keys(forgotten.prefix), "a writer may be at work beside it: the files are the sweep's"
    for ref in (source, champion, last, other, young, approved):
        assert store.manifest(ref) and store.read(ref, "text.txt")
    assert retain(store, 1, dry_run=False).going == []


def test_an_artifact_that_a_new_run_reuses_stays(store: ArtifactStore) -> None:
    first = sample_step.run(store, {"text": "again"}, place=place("one", 1)).ref
    sample_step.run(store, {"text": "between"}, place=place("one", 2))
    made_long_ago(store, first)
    assert [piece.prefix for piece in retain(store, 1).going] == [first.prefix]

    assert sample_step.run(store, {"text": "again"}, place=place("one", 3)).reused
    assert retain(store, 1).going == []


def test_what_a_gate_let_through_last_stays_to_be_compared_with(store: ArtifactStore) -> None:
    whole = sample_step.run(store, {"text": "whole"}, place=place("one", 1))
    record(store, place("one", 1), replace(whole, metrics={"passed": True}))
    made_long_ago(store, whole.ref)
    for day in (2, 3):
        missed = sample_step.run(store, {"text": "half"}, place=place("one", day))
        record(store, place("one", day), replace(missed, metrics={"passed": False}))

    assert retain(store, 1).going == []


def test_an_artifact_that_a_forced_run_replaces_meanwhile_is_whole(store: ArtifactStore, tmp_path: Path) -> None:
    ref = sample_step.run(store, {"text": "old"}, place=place("one", 1)).ref
    sample_step.run(store, {"text": "new"}, place=place("one", 2))
    made_long_ago(store, ref)
    (tmp_path / "text.txt").write_text("old")
    attempt, files = store.upload(ref.prefix, tmp_path, fresh=True)
    manifest = store.manifest(ref)
    assert [piece.prefix for piece in retain(store, 1, dry_run=False).going] == [ref.prefix]
    sweep(store)

    forced = store.replace(manifest.model_copy(update={"attempt": attempt, "files": files}))
    assert store.read(forced.ref, "text.txt") == b"old"


def test_a_folder_that_is_named_by_a_digest_is_no_other_artifact_s(
    store: ArtifactStore, object_store_server: ObjectStoreServer, tmp_path: Path
) -> None:
    name = f"blobs/{'b' * 64}/data.bin"
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"precious")
    ref = sample_step(store, text="holder")
    manifest = store.manifest(ref)
    attempt, files = store.upload(ref.prefix, tmp_path, fresh=True)
    held = store.replace(manifest.model_copy(update={"attempt": attempt, "files": files})).ref
    hasty = ArtifactStore(store.bucket.address, retries=2, window=timedelta(0))

    sweep(hasty)
    assert store.read(held, name) == b"precious"


def test_a_retention_that_keeps_nothing_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(ConfigurationError, match="keep_runs = 0"):
        retain(store, 0)


def test_what_is_left_of_jobs_goes_when_they_are_long_over(store: ArtifactStore) -> None:
    folder = f"jobs/{'ab' * 16}/"
    for name in ("job.json", "1/log/00000000"):
        store.bucket.put_bytes(folder + name, b"{}")

    sweep(store)
    assert len(store.bucket.keys(folder)) == 2
    sweep(ArtifactStore(store.bucket.address, retries=2, window=timedelta(0)))
    assert store.bucket.keys(folder) == []
