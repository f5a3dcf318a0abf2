"""Jobs of one rank in the test's own process: what a rank does, without the minute that launching eight jobs takes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.distributed.job import Job
from tests.conftest import free_ports


@pytest.fixture(scope="module")
def one_rank(store: ArtifactStore) -> Iterator[None]:
    """This process is the only rank of jobs; DeepSpeed's groups stay for its life, being made only once."""
    import torch

    rank = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}
    told = {"MASTER_PORT": str(free_ports(1)), "DS_ACCELERATOR": "cpu"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (rank | told | store.bucket.address.environment()).items():
            patch.setenv(name, value)
        # jobs are offline; here the library has been imported otherwise
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
        settings.cache_clear()
        from include.distributed.loop import start_ranks

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        start_ranks(0)
        yield
        torch.set_num_threads(threads)
    settings.cache_clear()


def rank_of(folder: Path, config: Any, model: ArtifactRef, dataset: ArtifactRef, name: str = "", **more: Any) -> Job:
    """A job as its only rank sees it; jobs of one `name` share their checkpoints. `more` is said in its spec."""
    spec = {"model": model.model_dump(), "dataset": dataset.model_dump(), "resume": None, "share": 1.0}
    spec |= {"config": config.model_dump(), "canaries": dataset.digest, **more}
    job = Job(spec, folder / "job", "tests.tune", sha256_of([name or str(folder)]), rank=0, ranks=1)
    job.results.mkdir(parents=True)
    return job


def files_of(folder: Path) -> dict[str, str]:
    """Path -> digest of the files below a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
