"""What a machine must have before anything is installed on it. Standard library only."""

import math
import os
import platform
import re
import shutil
import socket
import sys
from pathlib import Path

SETTINGS = Path(__file__).resolve().parents[1] / "core" / "settings.py"
GIGABYTE = 1 << 30


class InstallError(Exception):
    """One line that names what is wrong and the remedy."""


def check_machine(state: Path, *, ports: bool) -> None:
    """InstallError names the first thing that this machine lacks; `ports` includes those of a stack to be started."""
    if sys.version_info[:2] != (3, 11):
        raise InstallError(f"python = {platform.python_version()}: Python 3.11 is needed. apt install python3.11-venv")
    if sys.platform != "linux" or platform.machine() != "x86_64":
        machine = f"{sys.platform} {platform.machine()}"
        raise InstallError(
            f"machine = {machine}: the local stack's servers exist for Linux on x86_64 only. "
            "Use docker-compose.yaml, or name servers elsewhere (GENAI_S3_ENDPOINT, GENAI_TRITON_URL)"
        )
    try:
        import ensurepip
        import venv  # noqa: F401

        ensurepip.version()
    except ImportError:
        raise InstallError(
            "python3.11-venv = missing: virtual environments need it. apt install python3.11-venv"
        ) from None
    check_room(state)
    if ports and not (state / "state" / "supervisor.sock").exists():
        check_ports()


def check_room(state: Path) -> None:
    """Free disk and memory; the needs are settings, in GB."""
    needed = number("GENAI_DISK_NEEDED_GB", 8)
    if (disk := free_disk(state)) < needed:
        raise InstallError(
            f"free disk = {disk:.1f} GB: {needed:g} GB are needed below {state}. "
            "Free some, or set GENAI_STATE_FOLDER to a folder with room"
        )
    needed = number("GENAI_MEMORY_NEEDED_GB", 8)
    if (memory := available_memory()) < needed:
        raise InstallError(
            f"available memory = {memory:.1f} GB: the workflow needs {needed:g} GB. "
            "End other programs, or set GENAI_MEMORY_NEEDED_GB lower"
        )


def free_disk(folder: Path) -> float:
    """Free room for files below `folder`, in GB."""
    return shutil.disk_usage(folder).free / GIGABYTE


def available_memory() -> float:
    """Memory that programs can have without swapping, in GB; unlimited where the kernel does not tell."""
    line = re.search(r"^MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(line.group(1)) * 1024 / GIGABYTE if line else math.inf


def number(variable: str, default: float) -> float:
    """An environment variable's number; InstallError where it is none."""
    text = os.environ.get(variable) or default
    try:
        return float(text)
    except ValueError:
        raise InstallError(f"{variable} = {text}: it is not a number. Correct or unset it") from None


def check_ports() -> None:
    """The local stack's ports are free."""
    text = SETTINGS.read_text()
    declared = re.findall(r"^    (\w+_port): int = Field\((\d+)", text, re.M)
    servers = re.search(r"^    triton_servers: int = Field\(\s*(\d+)", text, re.M)
    count = int(number("GENAI_TRITON_SERVERS", int(servers[1]) if servers else 1))
    for name, default in declared:
        variable = f"GENAI_{name.upper()}"
        port = int(number(variable, int(default)))
        if not 0 < port < 65536:
            raise InstallError(f"{variable} = {port}: it is no port. Set it to a number from 1 to 65535")
        # the ports of each further Triton are 10 above those of the one before
        for further in range(port, port + (10 * count if name.startswith("triton_") else 1), 10):
            _require_free(variable, port, further)


def _require_free(variable: str, base: int, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((os.environ.get("GENAI_HOST") or "127.0.0.1", port))
        except OSError as error:
            raise InstallError(
                f"{variable} = {base}: port {port}: {error.strerror}. Stop what listens there, or set {variable} to "
                "a free port"
            ) from None
