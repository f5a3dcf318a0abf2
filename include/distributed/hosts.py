"""The machines that a job may run on: a hostfile in DeepSpeed's format, asked over SSH who is there."""

import json
import logging
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from include.core.errors import ConfigurationError, JobFailedError
from include.core.settings import PROJECT_ROOT

HOST = "include.distributed.host"
# a link that is down is noticed within 15 s
SSH = ("ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5")
SSH_OPTIONS = (*SSH, "-o", "ServerAliveCountMax=3")
_PATIENCE = 60
_ENTRY = re.compile(r"(\S+)\s+slots=([1-9]\d*)")
_log = logging.getLogger("genai.distributed")


class Host(NamedTuple):
    """A machine and the ranks that it takes at most, or, in a layout, the ranks that it has."""

    name: str
    slots: int


class Answer(NamedTuple):
    """What a host says of itself: an address that reaches it, a free port, and the digest of its code."""

    address: str
    port: int
    code: str


def read_hostfile(path: Path) -> list[Host]:
    """The hosts of a file with lines such as `worker-1 slots=4`; ConfigurationError names the wrong line."""
    try:
        lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
    except OSError as error:
        raise ConfigurationError(
            "GENAI_TRAINING_HOSTFILE", str(path), f"it cannot be read ({error.strerror})", "Name a readable hostfile"
        ) from error
    hosts: list[Host] = []
    for line in filter(None, lines):
        found = _ENTRY.fullmatch(line)
        if found is None or found[1] in (host.name for host in hosts) or found[1].startswith("-"):
            raise ConfigurationError(
                "GENAI_TRAINING_HOSTFILE", line, "a line is no new host", "Write lines such as: worker-1 slots=4"
            )
        hosts.append(Host(found[1], int(found[2])))
    if not hosts:
        raise ConfigurationError(
            "GENAI_TRAINING_HOSTFILE", str(path), "it names no host", "Write lines such as: worker-1 slots=4"
        )
    return hosts


def over_ssh(host: str, *arguments: str) -> list[str]:
    """The command that runs this project's program for hosts on `host`, in the same folder with the same Python."""
    command = f"cd {shlex.quote(str(PROJECT_ROOT))} && exec {shlex.quote(sys.executable)} -m {HOST}"
    return [*SSH_OPTIONS, host, " ".join([command, *map(shlex.quote, arguments)])]


def ask(hosts: Iterable[Host], entry: str, code: str) -> list[tuple[Host, Answer]]:
    """The hosts that answer and have the `code` that runs here; the log says why others do not count.

    JobFailedError where none is left.
    """
    asked = list(hosts)
    with ThreadPoolExecutor(len(asked) or 1) as pool:
        answers = list(pool.map(lambda host: _ask(host, entry), asked))
    found = []
    for host, answer in zip(asked, answers, strict=True):
        if isinstance(answer, str):
            _log.warning("%s is left out: %s", host.name, answer)
        elif answer.code != code:
            _log.warning("%s is left out: it has other code or libraries than this machine", host.name)
        else:
            found.append((host, answer))
    if not found:
        names = ", ".join(host.name for host in asked)
        raise JobFailedError(
            "GENAI_TRAINING_HOSTFILE", names, "no host can be used", "Look at the reasons in the log, above"
        )
    return found


def _ask(host: Host, entry: str) -> Answer | str:
    try:
        done = subprocess.run(
            over_ssh(host.name, entry),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_PATIENCE} s"
    if done.returncode:
        return " ".join((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-2:])
    try:
        return Answer(**json.loads(done.stdout.splitlines()[-1]))
    except (LookupError, TypeError, ValueError):
        return f"it answered {done.stdout[-200:]!r}"


def spread(there: Iterable[Host], ranks: int) -> list[Host]:
    """`ranks` ranks on the hosts that are there, the first ones filled first."""
    layout = []
    for host in there:
        if taken := min(host.slots, ranks):
            layout.append(Host(host.name, taken))
            ranks -= taken
    return layout


def fitting(batch: int | None, most: int) -> int:
    """The largest number of ranks up to `most` that a batch divides by."""
    return next(ranks for ranks in range(most, 0, -1) if batch is None or batch % ranks == 0)
