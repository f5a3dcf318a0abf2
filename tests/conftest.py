"""Fixtures that start the real servers. State lies in temporary folders; ports are free ones on loopback."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT
from include.local import object_store

WEED = PROJECT_ROOT / ".genai" / "bin" / "weed"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Pictures of all pages, to be looked at: `pytest tests/browser --screenshots DIR`."""
    parser.addoption("--screenshots", type=Path, metavar="DIR", help="keep a picture of every page in this folder")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: of two processes, one runs it while the other runs the rest."""
    items.sort(key=lambda item: "test_workflow" not in item.nodeid)


@pytest.fixture(scope="session", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Steps write their scratch below a temporary folder, never into the project's state."""
    from include.core.settings import settings

    folder = tmp_path_factory.mktemp("state")
    os.environ["GENAI_STATE_FOLDER"] = str(folder)
    os.environ.setdefault("GENAI_SERVING_PYTHON", str(PROJECT_ROOT / ".genai" / "serving" / "bin" / "python"))
    os.environ["GENAI_PSEUDONYM_KEY"] = "a key of the tests that is long enough"
    settings.cache_clear()
    yield folder


def free_ports(count: int) -> int:
    """The first of `count` consecutive free ports whose +10000 partners are free too."""
    for base in range(20000 + os.getpid() % 500 * 20, 50000, 20):
        if all(_is_free(base + i) and _is_free(base + i + 10000) for i in range(count)):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class ObjectStoreServer:
    """A SeaweedFS of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(4)
        self.admin = object_store.new_identity("admin", "Admin", "Read", "Write", "List", "Tagging")
        self.reader = object_store.new_identity("reader", "Read", "List")
        object_store.write_identities(folder / "s3.json", self.admin, self.reader)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Launch the server and wait until it answers."""
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        line = object_store.command(
            WEED, self.folder / "data", self.folder / "s3.json", "127.0.0.1", self.port, "genai"
        )
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, cwd=self.folder)

    def await_answer(self) -> None:
        assert self.process
        deadline = time.monotonic() + 60
        while True:
            try:
                self.store().bucket.check()
                return
            except GenaiError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    def address(self, identity: object_store.Identity | None = None, **changes: str) -> StoreAddress:
        who = identity or self.admin
        base = {
            "endpoint": f"127.0.0.1:{self.port}",
            "bucket": "genai",
            "access_key": who.access_key,
            "secret_key": who.secret_key,
        }
        return StoreAddress.model_validate(base | changes)

    def store(self, identity: object_store.Identity | None = None, **changes: str) -> ArtifactStore:
        return ArtifactStore(self.address(identity, **changes), retries=2)


@pytest.fixture(scope="session")
def object_store_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    server = ObjectStoreServer(tmp_path_factory.mktemp("object_store"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def store(object_store_server: ObjectStoreServer) -> ArtifactStore:
    """An artifact store on a real S3 server, shared by the session."""
    return object_store_server.store()
