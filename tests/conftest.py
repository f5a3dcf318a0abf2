"""Fixtures that start the real servers. State lies in temporary folders; ports are free ones on loopback."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT
from include.local import object_store

# before torch is loaded: two processes of tests share the cores, as an Airflow's tasks do
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# the server of the session, once a test asks for one
SHARED: list["ObjectStoreServer"] = []
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
    """Whether a server may listen there: a client's connection may have the port as well."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class ObjectStoreServer:
    """A SeaweedFS of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(4)
        self.admin = object_store.new_identity("admin", "Admin", "Read", "Write", "List", "Tagging")
        self.reader = object_store.new_identity("reader", "Read", "List")
        object_store.write_identities(folder / "s3.json", self.admin, self.reader)
        self.process: subprocess.Popen[bytes] | None = None
        self.has_answered = False

    def start(self) -> None:
        """Launch the server and wait until it answers; the first time on other ports if one was taken meanwhile."""
        self.launch()
        try:
            self.await_answer()
        except GenaiError:
            sys.stderr.write((self.folder / "weed.log").read_text()[-2000:])
            if self.has_answered or not self.process or self.process.poll() is None:
                raise
            self.port = free_ports(4)
            self.launch()
            self.await_answer()
        self.has_answered = True

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

    def leave_only(self, kept: str) -> None:
        """Remove all other buckets. Each has a volume, of which there are as many as the disk has gigabytes free."""
        client = self.store().bucket.client
        for found in client.list_buckets():
            if found.name != kept:
                bucket = Bucket(self.address(bucket=found.name))
                bucket.delete(bucket.keys(""))
                client.remove_bucket(found.name)

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
    SHARED.append(server)
    yield server
    server.kill()
    SHARED.clear()


@pytest.fixture(scope="module", autouse=True)
def own_buckets() -> Iterator[None]:
    """What buckets a file's tests have made on the shared server go with it."""
    yield
    for server in SHARED:
        server.leave_only("genai")


@pytest.fixture(scope="session")
def store(object_store_server: ObjectStoreServer) -> ArtifactStore:
    """An artifact store on a real S3 server, shared by the session."""
    return object_store_server.store()
