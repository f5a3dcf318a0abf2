"""What runs a job's ranks on one of several hosts, over SSH: `python -m include.distributed.host`.

With the name of a module it says what a launch must know of this host. Without one it reads an order from its standard
input and starts DeepSpeed's launcher; it ends with the launcher, or when its input closes or falls silent, so with its
owner and with the link to it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from include.artifacts.fingerprint import code_parts
from include.artifacts.manifest import sha256_of
from include.artifacts.scratch import scratch_folder
from include.core.settings import PROJECT_ROOT, settings
from include.distributed.environment import rank_environment
from include.distributed.launchers import host_command, write_description

# several of the owner's beats, and less than the ranks' patience with each other
SILENCE = 60.0


def main() -> None:
    """Answer, or obey."""
    if len(sys.argv) > 1:
        print(json.dumps({"address": _address(), "port": free_port(), "code": code_of(sys.argv[1])}))  # noqa: T201
        return
    order = json.loads(_read_line())
    os.environ.update(order["environment"])
    settings.cache_clear()
    with scratch_folder("job") as folder:
        sys.exit(_run(order, folder))


def code_of(entry: str) -> str:
    """The digest of a module's code and of the libraries that it imports, as they are on this host."""
    return sha256_of(code_parts(entry))


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _address() -> str:
    """The address of this host at which its owner reached it."""
    return os.environ["SSH_CONNECTION"].split()[2]


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        read = os.read(0, 1 << 16)
        if not read:
            sys.exit("the owner ended before it gave an order")
        line += read
    return line


def _run(order: dict[str, Any], folder: Path) -> int:
    work = folder / "job"
    work.mkdir()
    write_description(work, order["description"])
    environment = rank_environment(work)
    environment.setdefault("GLOO_SOCKET_IFNAME", _interface(order["address"], order["port"]))
    launcher = subprocess.Popen(
        host_command(work, order["hosts"], order["node"], order["address"], order["port"]),
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        return _watch(launcher)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(launcher.pid, signal.SIGKILL)


def _watch(launcher: "subprocess.Popen[bytes]") -> int:
    """The launcher's exit code; 1 where the owner is gone."""
    beaten = time.monotonic()
    while launcher.poll() is None:
        if select.select([0], [], [], 0.5)[0]:
            if not os.read(0, 1 << 10):
                return 1
            beaten = time.monotonic()
        elif time.monotonic() - beaten > SILENCE:
            return 1
    return launcher.returncode


def _interface(address: str, port: int) -> str:
    """The network interface by which the first rank's host is reached: gloo guesses by the host's name."""
    import psutil  # type: ignore[import-untyped]

    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, port))
        own = probe.getsockname()[0]
    found: dict[str, list[Any]] = psutil.net_if_addrs()
    return next(name for name, addresses in found.items() if own in (known.address for known in addresses))


if __name__ == "__main__":
    main()
