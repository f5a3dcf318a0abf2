"""The processes of one launch: started together, heard together, ended together."""

import logging
import os
import select
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from include.core.settings import PROJECT_ROOT
from include.distributed.messages import PULSE, heard

_LAST_LINES = 25
# how DeepSpeed marks its own reports; errors and warnings are marked otherwise
_LAUNCHER_LINE = "] [INFO] ["
# what holds its own end of the pipe takes longer silence for the owner's death (host.SILENCE)
BEAT = 5.0
_GRACE = 5.0
_log = logging.getLogger("genai.distributed")


class Command(NamedTuple):
    """A process to start; `opening` is written to its standard input, which stays open as long as the owner lives."""

    line: list[str]
    environment: dict[str, str]
    opening: bytes = b""


@dataclass
class Heard:
    """What the processes said: the last lines of their output, and what they told their owner."""

    lines: "deque[str]" = field(default_factory=lambda: deque(maxlen=_LAST_LINES))
    told: list[tuple[str, Any]] = field(default_factory=list)

    def line(self, raw: bytes) -> None:
        """Log one line, or keep what it tells."""
        text = raw.decode(errors="replace").rstrip()
        if message := heard(text):
            if message[0] != PULSE:
                self.told.append(message)
        elif text:
            _log.log(logging.DEBUG if _LAUNCHER_LINE in text else logging.INFO, "%s", text)
            self.lines.append(text)

    def all(self, kind: str) -> list[Any]:
        """Everything of one kind that was told."""
        return [value for told, value in self.told if told == kind]


def supervise(commands: list[Command], stall_seconds: float) -> Heard:
    """Run the commands until all have ended, or one has failed, or nothing was printed for `stall_seconds`.

    Ranks that move bytes or compute print a pulse (pulse.py), which is neither logged nor kept. None of their
    processes is left then. They inherit a pipe as standard input, by which they notice that this process has ended,
    however.
    """
    said, processes = Heard(), list[subprocess.Popen[bytes]]()
    try:
        for command in commands:
            processes.append(_start(command))
        _follow(processes, said, stall_seconds)
    finally:
        for process in processes:
            _end_group(process)
    return said


def _start(command: Command) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        command.line,
        env=command.environment,
        cwd=PROJECT_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _write(process, command.opening)
    return process


def _write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        _log.debug("process %d has ended", process.pid)


def _follow(processes: "list[subprocess.Popen[bytes]]", said: Heard, stall_seconds: float) -> None:
    spoken, beaten, until = time.monotonic(), time.monotonic(), float("inf")
    # a pipe each: ssh cuts where it likes, and one host's half line is not to meet another's
    rests = {process.stdout.fileno(): b"" for process in processes if process.stdout}
    while rests and (now := time.monotonic()) < until:
        ready, _, _ = select.select(list(rests), [], [], 0.5)
        for output in ready:
            if not (chunk := os.read(output, 1 << 16)):
                del rests[output]
                continue
            spoken = now
            *lines, rests[output] = (rests[output] + chunk).split(b"\n")
            for line in lines:
                said.line(line)
        if not ready and all(process.poll() is not None for process in processes):
            # ranks that outlived their launcher still hold the pipe
            return
        if now - spoken > stall_seconds:
            said.lines.append(f"no output and no progress for {stall_seconds:.0f} s: ended by its owner")
            return
        if until == float("inf") and any(process.poll() for process in processes):
            until = now + _GRACE  # for what the others have to say
        if now - beaten > BEAT:
            beaten = now
            for process in processes:
                _write(process, b"\n")


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("the job's processes have all ended")
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
    if process.stdin is not None:
        try:
            process.stdin.close()
        except BrokenPipeError:
            _log.debug("process %d did not read its input", process.pid)
