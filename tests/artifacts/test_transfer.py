"""Large files move in blocks: whole, verified, and taken up where they were left."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.artifacts import multipart
from include.artifacts.manifest import FileEntry, FingerprintParts, Manifest
from include.artifacts.ref import ArtifactRef, artifact_prefix
from include.artifacts.store import ArtifactStore, attempt_age
from include.artifacts.transfer import BLOCK
from include.core.errors import CorruptedArtifactError
from tests.artifacts.requests_sent import bodies, watch
from tests.conftest import ObjectStoreServer

STEP = "tests.transfer"
BLOCKS = 6
WRITER = "import sys; from pathlib import Path; from include.core.settings import settings; \
from include.artifacts.bucket import StoreAddress; from include.artifacts.store import ArtifactStore; \
ArtifactStore(StoreAddress.of(settings())).upload(sys.argv[1], Path(sys.argv[2]))"


@pytest.fixture
def fingerprint() -> str:
    return uuid.uuid4().hex * 2


@pytest.fixture
def prefix(fingerprint: str) -> str:
    return artifact_prefix(STEP, fingerprint)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A folder with one file of BLOCKS blocks, each of other bytes."""
    folder = tmp_path / "large"
    folder.mkdir()
    with (folder / "large.bin").open("wb") as file:
        for number in range(BLOCKS):
            file.write(bytes([number]) * (BLOCK - (number == BLOCKS - 1)))
    return folder


def commit(store: ArtifactStore, fingerprint: str, attempt: str, files: tuple[FileEntry, ...]) -> ArtifactRef:
    manifest = Manifest(
        kind="dataset",
        step=STEP,
        fingerprint=fingerprint,
        attempt=attempt,
        parts=FingerprintParts(code={}, libraries={}, config={}, inputs={}),
        inputs={},
        files=files,
        metrics={},
        created_at="2026-01-01T00:00:00+00:00",
        created_by="test",
        seconds=0,
    )
    return store.commit(manifest).ref


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["cmp", "--silent", one, other]).returncode == 0


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 2 * BLOCK])
def test_a_file_of_any_size_comes_back(store: ArtifactStore, fingerprint: str, tmp_path: Path, size: int) -> None:
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file.bin").write_bytes(os.urandom(size))
    attempt, files = store.upload(artifact_prefix(STEP, fingerprint), folder)
    ref = commit(store, fingerprint, attempt, files)

    assert [(entry.size, entry.block) for entry in files] == [(size, BLOCK if size > BLOCK else 0)]
    assert same(store.fetch(ref, tmp_path / "copy") / "inner" / "file.bin", folder / "inner" / "file.bin")
    assert store.read(ref, "inner/file.bin") == (folder / "inner" / "file.bin").read_bytes()


def test_a_corrupted_block_is_refused_and_leaves_nothing(
    store: ArtifactStore, fingerprint: str, prefix: str, large: Path, tmp_path: Path
) -> None:
    attempt, (entry,) = store.upload(prefix, large)
    ref = commit(store, fingerprint, attempt, (entry,))
    key = store.manifest(ref).key(entry)
    data = bytearray((large / "large.bin").read_bytes())
    data[3 * BLOCK] ^= 1

    for damaged in (bytes(data), bytes(data[: 2 * BLOCK])):
        store.bucket.put_bytes(key, damaged)
        with pytest.raises(CorruptedArtifactError):
            store.fetch(ref, tmp_path / "copy")
        assert not list((tmp_path / "copy").iterdir())


def test_an_upload_that_was_killed_goes_on_where_it_was(
    object_store_server: ObjectStoreServer,
    store: ArtifactStore,
    fingerprint: str,
    prefix: str,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = object_store_server.address().environment() | {"PATH": os.defpath}
    writer = subprocess.Popen([sys.executable, "-c", WRITER, prefix, str(large)], env=environment)
    while not [len(multipart.parts(store.bucket, upload)) for upload in multipart.pending(store.bucket, prefix)]:
        assert writer.poll() is None
    (upload,) = multipart.pending(store.bucket, prefix)
    while len(multipart.parts(store.bucket, upload)) < 2:
        assert writer.poll() is None
    writer.kill()
    writer.wait()
    there = multipart.parts(store.bucket, upload)

    sent = watch(store, monkeypatch)
    attempt, files = store.upload(prefix, large)
    assert 2 <= len(there) < BLOCKS
    assert bodies(sent) <= (large / "large.bin").stat().st_size - sum(part.size for part in there.values())
    assert upload.key.split("/")[-3] == attempt
    ref = commit(store, fingerprint, attempt, files)
    assert same(store.fetch(ref, tmp_path / "copy") / "large.bin", large / "large.bin")
    assert not multipart.pending(store.bucket, prefix)


def test_a_download_goes_on_when_the_server_dies_in_the_middle_of_a_body(
    fingerprint: str, prefix: str, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ObjectStoreServer(tmp_path)
    server.start()
    store = ArtifactStore(server.address())
    ref = commit(store, fingerprint, *store.upload(prefix, large))
    chunks, first = store.bucket._chunks, threading.Lock()

    def interrupted(key: str, offset: int, length: int) -> Iterator[bytes]:
        for chunk in chunks(key, offset, length):
            yield chunk
            if first.acquire(blocking=False):
                server.kill()
                server.launch()

    monkeypatch.setattr(store.bucket, "_chunks", interrupted)
    copy = store.fetch(ref, tmp_path / "copy")
    server.kill()
    assert first.locked()
    assert same(copy / "large.bin", large / "large.bin")


def test_two_writers_that_share_a_pending_upload_both_end_well(
    store: ArtifactStore, fingerprint: str, prefix: str, large: Path, tmp_path: Path
) -> None:
    attempt, (entry,) = store.upload(prefix, large)
    key = f"{prefix}/{attempt}/{entry.sha256[:16]}/{entry.path}"
    store.bucket.delete([key])
    upload = multipart.begin(store.bucket, key)
    multipart.put_part(store.bucket, upload, 1, (large / "large.bin").read_bytes()[:BLOCK])

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: store.upload(prefix, large), range(3)))
    assert found == [(attempt, (entry,))] * 3
    ref = commit(store, fingerprint, *found[0])
    assert same(store.fetch(ref, tmp_path / "copy") / "large.bin", large / "large.bin")
    assert not multipart.pending(store.bucket, prefix)


def test_a_young_attempt_is_taken_up_and_an_old_one_is_not(
    store: ArtifactStore, prefix: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (large / "small.bin").write_bytes(b"small")
    attempt, files = store.upload(prefix, large)
    sent = watch(store, monkeypatch)
    assert store.upload(prefix, large) == (attempt, files)
    assert bodies(sent) == 0

    age = attempt_age(attempt)
    assert age is not None
    impatient = ArtifactStore(store.bucket.address, window=age)
    other, again = impatient.upload(prefix, large)
    assert other != attempt and again == files


def test_a_forced_run_sends_all_bytes_again(
    store: ArtifactStore, prefix: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt, files = store.upload(prefix, large)
    sent = watch(store, monkeypatch)
    other, again = store.upload(prefix, large, fresh=True)
    assert other != attempt and again == files
    assert bodies(sent) == (large / "large.bin").stat().st_size
    assert not any(request.lists for request in sent)
