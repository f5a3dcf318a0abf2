"""Runs a module under DeepSpeed's launcher, as a job that ends with its owner and never ends unnoticed."""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from include.artifacts.step import Workspace
from include.core import errors
from include.core.errors import GenaiError, JobFailedError
from include.core.settings import PROJECT_ROOT, settings
from include.distributed.extension import prepare_extensions

DESCRIPTION, RESULTS = "job.json", "results"
DONE, FAILURE = "done.json", "failure-{rank}.json"
ENTRY = "include.distributed.job"
STALL_SECONDS = 600
_LAST_LINES = 25
# how DeepSpeed marks its own reports; errors and warnings are marked otherwise
_LAUNCHER_LINE = "] [INFO] ["
_log = logging.getLogger("genai.distributed")


def run_job(
    work: Workspace, entry: str, spec: dict[str, Any], *, ranks: int | None = None, stall_seconds: float = STALL_SECONDS
) -> Path:
    """Run `main(job)` of module `entry` on `ranks` processes of this machine; returns the job's result folder.

    `spec` is JSON and holds no secret: ranks get the object store's keys through their environment. It holds no
    path either: references to artifacts travel in it, and ranks get the files by `job.fetch`. A job
    that prints nothing for `stall_seconds` is ended. Errors: what a rank raised as a GenaiError is raised
    here again; every other end without the job's own marker is a JobFailedError.
    """
    count = ranks or settings().training_ranks
    folder = work.folder / f"job-{entry.rpartition('.')[2]}"
    results = folder / RESULTS
    results.mkdir(parents=True)
    description = {"entry": entry, "spec": spec, "step": work.step, "fingerprint": work.job}
    (folder / DESCRIPTION).write_text(json.dumps(description))
    environment = _environment(work, folder)
    if environment["DS_ACCELERATOR"] == "cpu":
        prepare_extensions(Path(environment["TORCH_EXTENSIONS_DIR"]), environment)
    last_lines = _supervise(_command(count, folder), environment, stall_seconds)
    if not (results / DONE).exists():
        raise _failure(results, count, entry, last_lines)
    return results


def _command(ranks: int, folder: Path) -> list[str]:
    launcher = [sys.executable, "-m", "deepspeed.launcher.runner", "--num_gpus", str(ranks), "--no_local_rank"]
    return [*launcher, "--master_port", str(_free_port()), "--module", ENTRY, str(folder)]


def _environment(work: Workspace, folder: Path) -> dict[str, str]:
    threads = str(settings().rank_threads)
    search = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return (
        dict(os.environ)
        | work.address.environment()
        | {
            "DS_ACCELERATOR": os.environ.get("DS_ACCELERATOR") or ("cuda" if _has_gpu() else "cpu"),
            "TORCH_EXTENSIONS_DIR": str(folder / "torch_extensions"),
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            # a waiting OpenMP thread otherwise burns the core that another rank computes on
            "OMP_WAIT_POLICY": "PASSIVE",
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONWARNINGS": "ignore::FutureWarning",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])),
            "PATH": os.pathsep.join(search),
        }
    )


def _has_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _supervise(command: list[str], environment: dict[str, str], stall_seconds: float) -> list[str]:
    # The ranks inherit this pipe as stdin and end when it closes, so when this process dies in any way.
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    last_lines: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        _stream(process, last_lines, stall_seconds)
    finally:
        _end_group(process)
    return list(last_lines)


def _stream(process: "subprocess.Popen[bytes]", last_lines: "deque[str]", stall_seconds: float) -> None:
    assert process.stdout is not None
    descriptor, rest, heard = process.stdout.fileno(), b"", time.monotonic()
    while True:
        ready, _, _ = select.select([descriptor], [], [], 0.5)
        if ready:
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                return
            heard = time.monotonic()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                _log.log(logging.DEBUG if _LAUNCHER_LINE in text else logging.INFO, "%s", text)
                last_lines.append(text)
        elif process.poll() is not None:
            # ranks that outlived their launcher still hold the pipe
            return
        elif time.monotonic() - heard > stall_seconds:
            last_lines.append(f"no output for {stall_seconds:.0f} s: ended by its owner")
            return


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("the job's processes have all ended")
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _failure(results: Path, ranks: int, entry: str, last_lines: list[str]) -> GenaiError:
    for rank in range(ranks):
        path = results / FAILURE.format(rank=rank)
        if path.exists():
            told = json.loads(path.read_text())
            kind = getattr(errors, told.pop("kind"))
            return kind(**told)  # type: ignore[no-any-return]
    return JobFailedError(
        entry,
        f"{ranks} ranks",
        "the job ended without its marker; its last lines:\n" + "\n".join(last_lines),
        "Run the step again: it resumes from its last checkpoint",
    )
