"""Writers that are killed at any instruction leave nothing visible and do not stand in a later writer's way."""

import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import DiskFullError
from include.core.settings import settings
from tests.artifacts.big_step import big_step, full_disk_step
from tests.conftest import ObjectStoreServer

WRITER = "from tests.artifacts.big_step import big_step; from include.core.settings import settings; \
from include.artifacts.bucket import StoreAddress; from include.artifacts.store import ArtifactStore; \
print('ready', flush=True); big_step(ArtifactStore(StoreAddress.of(settings())), name='{name}')"


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15, 0.3, 0.5])
def test_a_killed_writer_leaves_no_artifact_and_the_next_one_succeeds(
    object_store_server: ObjectStoreServer, store: ArtifactStore, moment: float, scratch: Path
) -> None:
    name = f"killed-{moment}"
    environment = object_store_server.address().environment() | {
        "GENAI_STATE_FOLDER": str(scratch),
        "PATH": "/usr/bin:/bin",
    }
    writer = subprocess.Popen([sys.executable, "-c", WRITER.format(name=name)], env=environment, stdout=subprocess.PIPE)
    assert writer.stdout
    assert writer.stdout.readline() == b"ready\n"
    threading.Timer(moment, writer.kill).start()
    writer.wait()

    found = store.find(big_step.name, big_step.parts(store, {"name": name}).digest(big_step.name))
    ref = big_step(store, name=name)
    copy = store.fetch(ref, scratch / name)
    assert found is None or found.ref == ref
    assert sorted(path.stat().st_size for path in copy.iterdir()) == [4 << 20] * 8
    assert list(settings().scratch.iterdir()) == []


def test_readers_and_writers_ride_out_a_killed_server(tmp_path: Path) -> None:
    server = ObjectStoreServer(tmp_path)
    server.start()
    store = ArtifactStore(server.address())
    first = big_step(store, name="before")
    server.kill()
    restart = threading.Timer(1, server.start)
    restart.start()
    second = big_step(store, name="after")
    restart.join()

    for ref in (first, second):
        assert len(list(store.fetch(ref, tmp_path / ref.fingerprint).iterdir())) == 8
    server.kill()


def test_a_request_that_ends_before_its_body_changes_nothing(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.bucket.put_bytes("cut/old", b"old")
    send = HTTPConnection.send

    def cut(connection: HTTPConnection, data: bytes) -> None:
        if not data.startswith(b"PUT "):
            connection.sock.close()
            raise KeyboardInterrupt
        send(connection, data)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPConnection, "send", cut)
        for key in ("cut/old", "cut/new"):
            with pytest.raises(KeyboardInterrupt):
                store.bucket.put_bytes(key, b"other")
    for _ in range(100):
        assert store.bucket.keys("cut/") == ["cut/old"]
        assert store.bucket.get_bytes("cut/old")[0] == b"old"


def test_too_little_room_is_named_before_anything_is_written(store: ArtifactStore, tmp_path: Path) -> None:
    manifest = store.manifest(big_step(store, name="room"))
    claimed = tuple(entry.model_copy(update={"size": 1 << 60}) for entry in manifest.files)
    ref = store.replace(manifest.model_copy(update={"files": claimed})).ref
    with pytest.raises(DiskFullError, match="MB are about to be written"):
        store.fetch(ref, tmp_path / "copy")
    assert not list((tmp_path / "copy").iterdir())


def test_a_disk_that_fills_up_is_named_and_nothing_is_visible(store: ArtifactStore) -> None:
    with pytest.raises(DiskFullError, match="the disk is full"):
        full_disk_step(store, name="full")
    fingerprint = full_disk_step.parts(store, {"name": "full"}).digest(full_disk_step.name)
    assert store.find(full_disk_step.name, fingerprint) is None
    assert list(settings().scratch.iterdir()) == []
