"""Real DeepSpeed jobs on two ranks that lose a rank, their launcher and their owner, and go on as if nothing was."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import JobFailedError, ModelError
from include.core.settings import PROJECT_ROOT
from include.distributed.launch import run_job
from tests.distributed import tiny_job

STEP = "tests.tiny_job"
ENTRY = "tests.distributed.tiny_job"
OWNER = """
import sys, json, os
from pathlib import Path
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.artifacts.step import Workspace
from include.core.settings import settings
from include.distributed.launch import run_job
folder, step, fingerprint, entry, spec = sys.argv[1:]
spec = json.loads(spec)
spec["trap"]["owner"] = os.getpid()
run_job(Workspace(ArtifactStore(StoreAddress.of(settings())), step, fingerprint, Path(folder)), entry, spec)
"""


def losses(results: Path) -> list[float]:
    found: list[float] = json.loads((results / "curve.json").read_text())["losses"]
    return found


def workspace(store: ArtifactStore, folder: Path, job: str) -> Workspace:
    return Workspace(store, STEP, sha256_of(job), folder)


def trap(folder: Path, victim: str, step: int) -> dict[str, Any]:
    return {"trap": {"victim": victim, "step": step, "pids": str(folder / f"pids-{victim}")}}


def await_gone(pids: Path) -> None:
    """All processes of the trapped job end; fails after 30 s."""
    deadline = time.monotonic() + 30
    left = set(pids.read_text().split())
    while left:
        left = {pid for pid in left if _lives(pid)}
        assert time.monotonic() < deadline, f"orphans {left}"
        os.sched_yield()


def _lives(pid: str) -> bool:
    status = Path("/proc") / pid / "stat"
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def corrupt_newest(store: ArtifactStore, step: int) -> None:
    fingerprint = sha256_of([sha256_of("disturbed"), step])
    manifest = store.find(f"{STEP}.checkpoints", fingerprint)
    assert manifest
    name = next(entry.path for entry in manifest.files if "optim_states" in entry.path)
    key = next(manifest.key(entry) for entry in manifest.files if entry.path == name)
    data, _ = store.bucket.get_bytes(key)
    store.bucket.put_bytes(key, data[:-8] + bytes(8))


@pytest.mark.timeout(240)
def test_a_job_that_dies_three_deaths_ends_as_the_undisturbed_one(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    undisturbed = losses(run_job(workspace(store, tmp_path / "a", "undisturbed"), ENTRY, {}))
    assert len(undisturbed) == tiny_job.STEPS

    with pytest.raises(JobFailedError):
        run_job(workspace(store, tmp_path / "b1", "disturbed"), ENTRY, trap(tmp_path, "rank", 5))
    await_gone(tmp_path / "pids-rank")

    with pytest.raises(JobFailedError):
        run_job(workspace(store, tmp_path / "b2", "disturbed"), ENTRY, trap(tmp_path, "launcher", 8))
    await_gone(tmp_path / "pids-launcher")
    assert "resumed from the checkpoint after step 4" in caplog.text

    corrupt_newest(store, 8)
    spec = json.dumps(trap(tmp_path, "owner", 11))
    environment = os.environ | store.bucket.address.environment()
    arguments = [str(tmp_path / "b3"), STEP, sha256_of("disturbed"), ENTRY, spec]
    owner = subprocess.run([sys.executable, "-c", OWNER, *arguments], env=environment, cwd=PROJECT_ROOT, check=False)
    assert owner.returncode == -9
    await_gone(tmp_path / "pids-owner")

    disturbed = run_job(workspace(store, tmp_path / "b4", "disturbed"), ENTRY, {})
    assert "resumed from the checkpoint after step 10" in caplog.text
    assert losses(disturbed) == undisturbed

    checkpoints = [key for key in store.bucket.keys("tests/tiny_job/checkpoints/") if key.endswith("manifest.json")]
    assert len(checkpoints) == 4, "each job keeps its last two"


@pytest.mark.timeout(120)
def test_a_loss_that_is_not_finite_is_permanent(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"loss of step 2 is not a finite number.*Lower the learning rate"):
        run_job(workspace(store, tmp_path / "nan", "nan"), ENTRY, {"unlabelled_step": 1})
