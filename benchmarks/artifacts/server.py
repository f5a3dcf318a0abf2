"""A SeaweedFS of the benchmark's own: free ports, temporary folder."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import settings
from include.local import object_store


class ObjectStore:
    """Runs while the context is open; gives the address to reach it by."""

    def __init__(self, folder: Path) -> None:
        identity = object_store.new_identity("benchmark", "Admin", "Read", "Write", "List", "Tagging")
        object_store.write_identities(folder / "s3.json", identity)
        (folder / "data").mkdir()
        port = _free_port()
        weed = settings().state_folder / "bin" / "weed"
        line = object_store.command(weed, folder / "data", folder / "s3.json", "127.0.0.1", port, "genai")
        with (folder / "weed.log").open("wb") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder)
        self.address = StoreAddress.model_validate(
            {
                "endpoint": f"127.0.0.1:{port}",
                "bucket": "genai",
                "access_key": identity.access_key,
                "secret_key": identity.secret_key,
            }
        )

    def __enter__(self) -> StoreAddress:
        deadline = time.monotonic() + 60
        while True:
            try:
                ArtifactStore(self.address, retries=1).bucket.check()
                return self.address
            except GenaiError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.process.kill()
                    raise
                time.sleep(0.1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()


def _free_port() -> int:
    """The first of the server's ports; it takes the three after it, and the four 10000 above."""
    for base in range(20000, 50000, 8):
        if all(_is_free(port + above) for port in range(base, base + 4) for above in (0, 10000)):
            return base
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
