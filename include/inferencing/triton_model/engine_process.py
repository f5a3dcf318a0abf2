"""The engine's process, seen from the process that Triton started."""

import json
import subprocess
import sys
import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

END_SECONDS = 5.0


class EngineError(Exception):
    """The engine does not run, or no longer."""


class EngineProcess:
    """Starts the engine on a package's folder and talks with it. EngineError, here and later, where it is broken."""

    def __init__(self, folder: Path) -> None:
        self._other, theirs = Pipe()
        self._sending = threading.Lock()
        descriptor = theirs.fileno()
        line = [sys.executable, str(folder / "engine.py"), str(folder), str(descriptor)]
        self._process = subprocess.Popen(line, pass_fds=[descriptor], stdin=subprocess.DEVNULL)
        theirs.close()
        if (told := self._hear()) != "ready":
            raise EngineError(told)

    def add(self, number: int, tokens: list[int], config: dict[str, Any]) -> None:
        """Begin an answer; `config`: values of the engine's GenerationConfig, and `shift`, what is added to tokens."""
        self._tell("add", number, tokens, config)

    def drop(self, number: int) -> None:
        """Give an answer up; what it wrote meanwhile may still come."""
        self._tell("drop", number)

    def news(self, seconds: float) -> list[list[Any]]:
        """[number, tokens, ending, and a problem] of answers that gained something since the last look; waits up to
        `seconds` for the first."""
        found: list[list[Any]] = []
        while self._other.poll(0 if found else seconds):
            told = self._hear()
            if isinstance(told, str):
                raise EngineError(told)
            found += told
        return found

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _tell(self, *message: Any) -> None:
        try:
            with self._sending:
                self._other.send_bytes(json.dumps(message).encode())
        except OSError as error:
            raise EngineError(f"the engine's process is gone ({error})") from None

    def _hear(self) -> Any:
        try:
            return json.loads(self._other.recv_bytes())
        except (EOFError, OSError):
            raise EngineError("the engine's process ended, see the server's log") from None
