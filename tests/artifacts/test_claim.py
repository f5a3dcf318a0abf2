"""One worker makes an artifact, the others wait; whoever dies is replaced."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from include.artifacts import claim
from include.artifacts.claim import CLAIMS, sole_writer
from include.artifacts.document import Document
from include.artifacts.store import ArtifactStore
from tests.artifacts.claimed_step import claimed_step
from tests.conftest import ObjectStoreServer

WORKER = (
    "import sys; from tests.artifacts.claimed_step import claimed_step; from include.core.settings import settings; \
from include.artifacts.bucket import StoreAddress; from include.artifacts.store import ArtifactStore; \
print(claimed_step.run(ArtifactStore(StoreAddress.of(settings())), {'folder': sys.argv[1]}).reused)"
)


def worker(server: ObjectStoreServer, scratch: Path, folder: Path) -> "subprocess.Popen[str]":
    environment = server.address().environment() | {"GENAI_STATE_FOLDER": str(scratch), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen([sys.executable, "-c", WORKER, str(folder)], env=environment, stdout=-1, text=True)


def wait_for(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(list(folder.glob("worked-*"))) < count:
        assert time.monotonic() < deadline, "nobody works"
        time.sleep(0.02)


def claims(store: ArtifactStore) -> list[str]:
    return store.bucket.keys(f"{CLAIMS}tests/artifacts/claimed_step/")


def test_of_several_workers_one_works_and_all_get_its_artifact(
    object_store_server: ObjectStoreServer, store: ArtifactStore, scratch: Path, tmp_path: Path
) -> None:
    workers = [worker(object_store_server, scratch, tmp_path) for _ in range(3)]
    wait_for(tmp_path, 1)
    # the artifact appears only after all have asked for it
    late = claimed_step.parts(store, {"folder": str(tmp_path)})
    assert store.find(claimed_step.name, late.digest(claimed_step.name)) is None
    (tmp_path / "go").touch()
    answers = [process.communicate(timeout=60)[0].strip() for process in workers]

    assert sorted(answers) == ["False", "True", "True"]
    assert len(list(tmp_path.glob("worked-*"))) == 1
    assert claims(store) == []


def test_a_killed_worker_of_this_machine_is_replaced_at_once(
    object_store_server: ObjectStoreServer, store: ArtifactStore, scratch: Path, tmp_path: Path
) -> None:
    first = worker(object_store_server, scratch, tmp_path)
    wait_for(tmp_path, 1)
    first.kill()
    first.wait()
    assert len(claims(store)) == 1
    second = worker(object_store_server, scratch, tmp_path)
    wait_for(tmp_path, 2)
    (tmp_path / "go").touch()

    assert second.communicate(timeout=60)[0].strip() == "False"
    assert claims(store) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1"])
def test_a_damaged_claim_is_nobody_s(store: ArtifactStore, damage: bytes) -> None:
    store.bucket.put_bytes(f"{CLAIMS}damaged/{'d' * 64}.json", damage)
    with sole_writer(store, "damaged", "d" * 64) as made:
        assert made is None
    assert store.bucket.keys(f"{CLAIMS}damaged/") == []


def test_a_silent_worker_of_another_machine_is_replaced_and_a_beating_one_is_not(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(claim, "POLL_SECONDS", 0.05)
    other = Document(store.bucket, f"{CLAIMS}elsewhere/{'e' * 64}.json")
    holder: dict[str, object] = {"owner": "o", "host": "elsewhere", "process": "1@1", "place": "", "beat": 0}
    assert other.swap(holder, None)
    beats = threading.Event()

    def beat() -> None:
        while not beats.wait(0.2):
            value, version = other.read()
            assert value
            other.swap(value | {"beat": int(str(value["beat"])) + 1}, version)

    heart = threading.Thread(target=beat)
    heart.start()
    taken = threading.Event()

    def take() -> None:
        with sole_writer(store, "elsewhere", "e" * 64):
            taken.set()

    waiter = threading.Thread(target=take)
    waiter.start()
    assert not taken.wait(2.5)
    beats.set()
    heart.join()
    assert taken.wait(10)
    waiter.join()
    assert other.read() == (None, None)
