"""An artifact store of one program's own, for a notebook or a script: a real S3 server that ends with it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import PrerequisiteError, StoreAccessError, StoreUnavailableError
from include.core.settings import settings
from include.local import object_store
from include.local.guard import bindable
from include.local.layout import layout

HOST, BUCKET, SECONDS = "127.0.0.1", "genai", 60.0


@contextmanager
def single_store(folder: Path) -> Iterator[ArtifactStore]:
    """A store whose files lie in `folder`, where a later one finds them again; its server ends with the block.

    PrerequisiteError where SeaweedFS is not installed, or no ports are free.
    """
    weed = layout(settings()).weed
    if not weed.exists():
        raise PrerequisiteError("object store", str(weed), "SeaweedFS is not installed", "Run make install")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    admin = object_store.new_identity("admin", "Admin", "Read", "Write", "List", "Tagging")
    object_store.write_identities(folder / "s3.json", admin)
    port = _free_port()
    line = object_store.command(weed, folder / "data", folder / "s3.json", HOST, port, BUCKET)
    keys = {"access_key": admin.access_key, "secret_key": admin.secret_key}
    address = StoreAddress.model_validate({"endpoint": f"{HOST}:{port}", "bucket": BUCKET} | keys)
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(line, stdout=log, stderr=log, cwd=folder)
    try:
        _await(ArtifactStore(address, retries=0), server, folder)
        yield ArtifactStore(address)
    finally:
        server.terminate()
        server.wait()


def _await(store: ArtifactStore, server: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return store.bucket.check()
        except (StoreUnavailableError, StoreAccessError):
            # it answers before it has made the bucket
            if server.poll() is not None or time.monotonic() > deadline:
                raise PrerequisiteError(
                    "object store", str(folder), "its server does not answer", f"Read {folder / 'server.log'}"
                ) from None
            time.sleep(0.2)


def _free_port() -> int:
    """The first of the consecutive ports that the server needs, all of them free."""
    for base in range(21000, 40000, 20):
        if all(bindable(HOST, port) for port in object_store.ports(base).values()):
            return base
    raise PrerequisiteError("object store", HOST, "no eight ports are free together", "End other servers")
