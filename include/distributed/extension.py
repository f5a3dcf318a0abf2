"""DeepSpeed's shared-memory communication for CPU ranks: compiled once, copied for every job.

A rank that is killed while torch looks at a compiled extension leaves a lock file behind, and every
later rank in that folder waits for it without end. So each job gets its own copy, and only the one
process that holds the file lock ever works in the original.
"""

import fcntl
import hashlib
import importlib.metadata
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from include.core.errors import PrerequisiteError
from include.core.settings import settings

_log = logging.getLogger("genai.distributed")
_NAME = "deepspeed_shm_comm"
_BUILD = "from deepspeed.ops.op_builder.cpu import ShareMemCommBuilder; ShareMemCommBuilder().load(verbose=False)"


def prepare_extensions(target: Path, environment: dict[str, str]) -> None:
    """Fill `target`, the job's TORCH_EXTENSIONS_DIR; the first call of an installation compiles (about a minute).

    Raises PrerequisiteError where the compiler is missing or fails.
    """
    versions = "-".join(f"{name}{importlib.metadata.version(name)}" for name in ("torch", "deepspeed"))
    # ninja's file names the sources by their absolute paths
    installation = hashlib.sha256(sys.prefix.encode()).hexdigest()[:8]
    original = settings().state_folder / "torch_extensions" / f"{versions}-{installation}"
    original.mkdir(parents=True, exist_ok=True)
    complete = original / "complete"
    with (original / "builder.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if complete.exists():
            _refresh(original / _NAME, environment)
        else:
            _build(original, environment)
            complete.touch()
        # copy2 keeps the times by which ninja sees that nothing is to be done
        shutil.copytree(original / _NAME, target / _NAME)


def _refresh(folder: Path, environment: dict[str, str]) -> None:
    """Compile what a reinstallation made newer here, or every job would compile it in its own copy."""
    done = subprocess.run(
        [shutil.which("ninja", path=environment.get("PATH")) or "ninja"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise _compile_error(done)


def _build(folder: Path, environment: dict[str, str]) -> None:
    shutil.rmtree(folder / _NAME, ignore_errors=True)
    _log.info("compiling DeepSpeed's shared-memory communication, once for this installation (about a minute)")
    for tool in ("g++", "ninja"):
        if shutil.which(tool, path=environment.get("PATH", os.defpath)) is None:
            raise PrerequisiteError(
                "PATH",
                tool,
                "DeepSpeed on CPU compiles its communication with it, and it is not installed",
                "Install g++ (package g++) and the project's requirements, and run again",
            )
    done = subprocess.run(
        [sys.executable, "-c", _BUILD],
        env=environment | {"TORCH_EXTENSIONS_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not (folder / _NAME / f"{_NAME}.so").exists():
        raise _compile_error(done)


def _compile_error(done: "subprocess.CompletedProcess[str]") -> PrerequisiteError:
    last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
    return PrerequisiteError(
        _NAME, done.returncode, f"it could not be compiled: {' '.join(last)}", "Check g++ and the Python headers"
    )
