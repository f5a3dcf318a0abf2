"""What lies in the store of a key, and that nothing is installed whose bytes are not named."""

import json
import re
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.artifacts.bucket import Bucket
from include.core.settings import PROJECT_ROOT
from include.inferencing.access.keys import create_key, find_tenant
from include.inferencing.access.tenants import Tenant, read_access, write_access
from include.local import install as installer
from include.local.audit.locked import LOCKS
from tests.conftest import ObjectStoreServer


def test_the_store_holds_the_digest_of_a_key_and_never_the_key(object_store_server: ObjectStoreServer) -> None:
    bucket = Bucket(object_store_server.address(bucket=f"keys-{uuid.uuid4().hex[:8]}"))
    bucket.ensure()
    access, etag = read_access(bucket)
    write_access(bucket, access.model_copy(update={"tenants": {"acme": Tenant(models=["*"])}}), etag)
    key = create_key(bucket, "acme", note="for a test")
    stored = b"\n".join(bucket.get_bytes(name)[0] for name in bucket.keys("")).decode()
    assert key.split("-", 2)[2] not in stored and key.split("-")[1] in stored
    access, _ = read_access(bucket)
    assert find_tenant(access, key, datetime.now(UTC)) == (key.split("-")[1], "acme")
    assert find_tenant(access, key[:-1] + "_", datetime.now(UTC)) is None
    assert json.loads(access.model_dump_json())["keys"][key.split("-")[1]]["sha256"] != key


@pytest.mark.parametrize("lock", [*LOCKS, "include/local/binaries.txt", "include/local/installer.txt"])
def test_every_package_is_named_with_its_version_and_digest(lock: str) -> None:
    text = (PROJECT_ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines and not [line for line in lines if not re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]


def test_nothing_but_torch_is_installed_without_a_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = {line for lock in LOCKS for line in (PROJECT_ROOT / lock).read_text().split() if line.startswith("torch==")}
    assert len(torch) == 1
    commands: list[list[str]] = []
    monkeypatch.setattr(installer, "STATE", tmp_path)
    monkeypatch.setattr(installer, "run", lambda part, *command: commands.append(list(command)))
    installer.install_venv(threading.Event())
    ready = threading.Event()
    ready.set()
    installer.install_serving(ready)
    installer.install_extra("benchmarks")
    installer.install_mlflow()
    image = (PROJECT_ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    commands += [line.split() for line in re.findall(r"pip3? (install .*?)(?:&&|$)", image, re.MULTILINE)]
    # uv checks the digests of a lock that has them
    by_digest = [
        one
        for one in commands
        if "--require-hashes" in one or (Path(one[0]).name, "--requirement" in one) == ("uv", True)
    ]
    others = [one for one in commands if "install" in one and one not in by_digest]
    options = re.compile(r".*/python|-.*|pip|install|\$\{TORCH_INDEX:\+--index-url|\"\$TORCH_INDEX\"\}")
    assert [[word for word in one if not options.fullmatch(word)] for one in others] == [list(torch)] * 4
    assert len(by_digest) == 12
    # nothing is built, or by the lock's setuptools alone
    lock = {str(PROJECT_ROOT / "requirements.txt"), "workflow.txt"}
    for one in by_digest:
        assert "--only-binary :all:" in " ".join(one) or one[one.index("--build-constraints") + 1] in lock
    assert re.search(
        r"^setuptools==\S+ \\\n +--hash=sha256:", (PROJECT_ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
