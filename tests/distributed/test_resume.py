"""Real DeepSpeed jobs that lose a rank, their launcher, their owner and their memory, and go on as if nothing was."""

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
from include.core.errors import ModelError
from include.core.settings import PROJECT_ROOT
from include.distributed.launch import run_job
from tests.artifacts.sample_step import sample_step
from tests.distributed import tiny_job

STEP = "tests.tiny_job"
ENTRY = "tests.distributed.tiny_job"
OWNER = """
import logging, sys, json, os
from pathlib import Path
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.artifacts.step import Workspace
from include.core.settings import settings
from include.distributed.launch import run_job
logging.basicConfig(level=logging.INFO, format="%(message)s")
folder, step, fingerprint, entry, spec = sys.argv[1:]
spec = json.loads(spec) | {"owner": os.getpid()}
run_job(Workspace(ArtifactStore(StoreAddress.of(settings())), step, fingerprint, Path(folder)), entry, spec)
"""


def losses(results: Path) -> list[float]:
    found: list[float] = json.loads((results / "curve.json").read_text())["losses"]
    return found


def workspace(store: ArtifactStore, folder: Path, job: str) -> Workspace:
    return Workspace(store, STEP, sha256_of(job), folder)


def spec_of(store: ArtifactStore, **more: Any) -> dict[str, Any]:
    return {"seed": sample_step(store, text="1", source=None).model_dump(), **more}


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


def corrupt(store: ArtifactStore, job: str, step: int) -> None:
    manifest = store.find(f"{STEP}.checkpoints", sha256_of([sha256_of(job), step]))
    assert manifest
    key = next(manifest.key(entry) for entry in manifest.files if "rank_1_mp_rank_00_optim_states" in entry.path)
    data, _ = store.bucket.get_bytes(key)
    store.bucket.put_bytes(key, data[:-8] + bytes(8))


@pytest.mark.timeout(600)
def test_a_job_that_dies_three_deaths_ends_as_the_undisturbed_one(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    undisturbed = losses(run_job(workspace(store, tmp_path / "a", "undisturbed"), ENTRY, spec_of(store)))
    assert len(undisturbed) == tiny_job.STEPS

    spec = json.dumps(spec_of(store, traps={"5": "rank", "7": "launcher", "11": "owner"}, folder=str(tmp_path)))
    environment = os.environ | store.bucket.address.environment()
    arguments = [str(tmp_path / "b"), STEP, sha256_of("disturbed"), ENTRY, spec]
    owner = subprocess.run(
        [sys.executable, "-c", OWNER, *arguments],
        env=environment,
        cwd=PROJECT_ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert owner.returncode == -9, owner.stderr
    for victim in ("rank", "launcher", "owner"):
        await_gone(tmp_path / f"pids-{victim}")
    assert "resumed from the checkpoint after step 4" in owner.stderr
    assert "resumed from the checkpoint after step 6" in owner.stderr

    corrupt(store, "disturbed", 10)
    one_rank = losses(run_job(workspace(store, tmp_path / "c", "disturbed"), ENTRY, spec_of(store), ranks=1))
    assert "the checkpoint after step 10 is discarded" in caplog.text
    assert "resumed from the checkpoint after step 8 on 1 ranks, written by 2" in caplog.text
    assert one_rank[:8] == undisturbed[:8]
    assert one_rank == pytest.approx(undisturbed, abs=1e-3)

    checkpoints = [key for key in store.bucket.keys("tests/tiny_job/checkpoints/") if key.endswith("manifest.json")]
    assert len(checkpoints) == 4, "each job keeps its last two"


@pytest.mark.timeout(600)
def test_ranks_that_do_not_come_back_memory_that_is_short_and_a_loss_that_is_not_finite(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = spec_of(store, survivors=1, memory=1, unlabelled_step=1)
    with pytest.raises(ModelError, match=r"loss of step 2 is not a finite number.*Lower the learning rate"):
        run_job(workspace(store, tmp_path / "b", "worse"), ENTRY, spec, batch=4, smaller_micro_batch=True)
    assert "the job on 2 ranks died and made no checkpoint, 2 times in a row" in caplog.text
    assert "1 ranks take part; 2 were asked for" in caplog.text
    assert "out of memory: the job goes on with 1 examples at once on a rank" in caplog.text


@pytest.mark.timeout(600)
def test_weights_that_the_last_update_broke_are_not_saved(store: ArtifactStore, tmp_path: Path) -> None:
    spec = spec_of(store, steps=2, validate_every=2)
    with pytest.raises(ModelError, match=r"loss of step 2 is not a finite number"):
        run_job(workspace(store, tmp_path, "broken"), ENTRY, spec, ranks=1)
    assert not [
        key for key in store.bucket.keys("tests/tiny_job/checkpoints/") if sha256_of([sha256_of("broken"), 2]) in key
    ]
