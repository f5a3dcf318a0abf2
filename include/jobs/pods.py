"""Several pods of one Kubernetes job: the first runs the step, the others offer their devices to it.

Each of the others writes its address to the bucket and listens. The step's job launches its ranks there as on hosts
over SSH (include/distributed/hosts.py): it finds a hostfile with the pods' addresses, and first on its path an `ssh`
that is include/jobs/reach.py. A pod starts one program only, and only for who knows the object store's secret key.
"""

import hmac
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from include.artifacts.bucket import Bucket
from include.artifacts.document import JOBS
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError, TransientError
from include.core.settings import PROJECT_ROOT, Settings, settings
from include.distributed.hosts import HOST
from include.jobs.book import Job, JobBook

PORT = 8470
EXIT = b"\x1eexit "
POLL_SECONDS = 2.0
# before the first word of a connection
GREETING_SECONDS = 10.0
SSH = """#!/bin/sh
exec {python} -m include.jobs.reach {job} "$@"
"""


def index() -> int:
    """Which pod of its job this is; 0 runs the step."""
    return int(os.environ.get("JOB_COMPLETION_INDEX", "0"))


def address() -> str:
    """This pod's address."""
    return os.environ["POD_IP"]


def token(job_id: str, at: Settings) -> str:
    """What a caller shows to the pods of a job."""
    return hmac.new(at.s3_secret_key.get_secret_value().encode(), job_id.encode(), "sha256").hexdigest()


def join(bucket: Bucket, job: Job, folder: Path) -> dict[str, str]:
    """Wait for all pods; variables with which the step's job launches its ranks on them."""
    pods = [address()]
    for number in range(1, settings().kubernetes_nodes):
        print(f"waiting for pod {number}", flush=True)  # noqa: T201 a line of the job's log
        while not (there := _read(bucket, _key(job, number))):
            time.sleep(POLL_SECONDS)
        pods.append(there)
    tools = folder / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    ssh, hostfile = tools / "ssh", folder / "hostfile"
    ssh.write_text(SSH.format(python=sys.executable, job=job.id))
    ssh.chmod(stat.S_IRWXU)
    hostfile.write_text("".join(f"{pod} slots={settings().training_ranks}\n" for pod in pods))
    path = os.pathsep.join([str(tools), os.environ.get("PATH", os.defpath)])
    return {"GENAI_TRAINING_HOSTFILE": str(hostfile), "PATH": path}


def offer(book: JobBook, job: Job, over: Callable[[], bool]) -> None:
    """Let the first pod launch ranks here until the job has ended or `over` says so."""
    with socket.create_server((address(), PORT)) as server:
        server.settimeout(POLL_SECONDS)
        book.bucket.put_bytes(_key(job, index()), address().encode())
        while not over():
            with suppress(TransientError):
                if book.ended(job):
                    return
            with suppress(TimeoutError):
                connection, caller = server.accept()
                threading.Thread(target=_serve, args=(connection, caller, job.id), daemon=True).start()


def _serve(connection: socket.socket, caller: tuple[str, int], job_id: str) -> None:
    """Run the program of hosts for one caller, with the connection as its input and output."""
    with connection, suppress(OSError, ValueError):
        connection.settimeout(GREETING_SECONDS)
        told = json.loads(_line(connection))
        if not hmac.compare_digest(str(told["token"]), token(job_id, settings())):
            return
        connection.settimeout(None)
        own = connection.getsockname()
        program = subprocess.Popen(
            [sys.executable, "-m", HOST, *map(str, told["arguments"])],
            env=dict(os.environ) | {"SSH_CONNECTION": f"{caller[0]} {caller[1]} {own[0]} {own[1]}"},
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=connection.fileno(),
            stderr=subprocess.STDOUT,
        )
        threading.Thread(target=_feed, args=(connection, program), daemon=True).start()
        connection.sendall(b"\n" + EXIT + str(program.wait()).encode() + b"\n")


def _feed(connection: socket.socket, program: "subprocess.Popen[bytes]") -> None:
    """What the caller sends is the program's input; where the caller is gone, the input ends and the program too."""
    assert program.stdin is not None
    with suppress(OSError), program.stdin as pipe:
        while data := connection.recv(1 << 16):
            pipe.write(data)
            pipe.flush()


def _line(connection: socket.socket) -> bytes:
    """The first line, no byte more."""
    line = b""
    while not line.endswith(b"\n") and len(line) < 1 << 12:
        read = connection.recv(1)
        if not read:
            break
        line += read
    return line


def _key(job: Job, number: int) -> str:
    return f"{JOBS}{job.id}/pods/{number}"


def _read(bucket: Bucket, key: str) -> str:
    """The address that a pod has written; CorruptedArtifactError where it is none: it goes into a hostfile."""
    try:
        told = bucket.get_bytes(key)[0].decode(errors="replace")
        return str(ip_address(told))
    except ArtifactNotFoundError:
        return ""
    except ValueError as error:
        raise CorruptedArtifactError(key, told[:40], "it is no address of a pod", "Run the step again") from error
