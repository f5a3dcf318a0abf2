"""What a job's processes find in their environment, on whatever host."""

import os
import sys
from pathlib import Path

from include.core.settings import PROJECT_ROOT, settings


def rank_environment(folder: Path) -> dict[str, str]:
    """The environment of ranks on this host that work in `folder`."""
    threads = str(settings().rank_threads)
    search = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return dict(os.environ) | {
        "DS_ACCELERATOR": os.environ.get("DS_ACCELERATOR") or ("cuda" if _has_gpu() else "cpu"),
        "TORCH_EXTENSIONS_DIR": str(folder / "torch_extensions"),
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # a waiting OpenMP thread otherwise burns the core that another rank computes on
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TQDM_DISABLE": "1",
        "PYTHONWARNINGS": "ignore::FutureWarning",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])),
        "PATH": os.pathsep.join(search),
    }


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
