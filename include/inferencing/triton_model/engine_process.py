"""The engine's process, seen from the process that Triton started."""

import json
import queue
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
    """Starts the engine on a package's folder and talks with it. EngineError where it does not start.

    What it is told goes through a thread of its own: whoever waited for room in the pipe would not hear, the engine
    would wait for room on its side, and neither went on.
    """

    def __init__(self, folder: Path) -> None:
        self._other, theirs = Pipe()
        self._trouble: EngineError | None = None
        descriptor = theirs.fileno()
        line = [sys.executable, str(folder / "engine.py"), str(folder), str(descriptor)]
        self._process = subprocess.Popen(line, pass_fds=[descriptor], stdin=subprocess.DEVNULL)
        theirs.close()
        told = self._heard()
        if told != "ready":
            self.end()
            raise EngineError(told)
        self._messages: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        threading.Thread(target=self._write, daemon=True).start()

    def add(self, number: int, tokens: list[int], config: dict[str, Any]) -> None:
        """Begin an answer; `config`: values of the engine's GenerationConfig, and `shift`, what is added to tokens."""
        self._messages.put(["add", number, tokens, config])

    def drop(self, number: int) -> None:
        """Give an answer up; what it wrote meanwhile may still come."""
        self._messages.put(["drop", number])

    def news(self, seconds: float) -> list[list[Any]]:
        """[number, tokens, ending, and a problem] of answers that gained something since the last look; waits up to
        `seconds` for the first. EngineError where the engine broke, once all that it told before was given."""
        if self._trouble:
            raise self._trouble
        found: list[list[Any]] = []
        try:
            while self._other.poll(0 if found else seconds):
                told = self._heard()
                if isinstance(told, str):
                    raise EngineError(told)
                found += told
        except EngineError as error:
            self._trouble = error
            if not found:
                raise
        return found

    def end(self) -> None:
        """End the process: it holds nothing that it would have to put away."""
        self._process.kill()
        self._process.wait()

    def _write(self) -> None:
        while True:
            message = json.dumps(self._messages.get()).encode()
            try:
                self._other.send_bytes(message)
            except OSError:
                # it is gone, as whoever listens hears too
                return

    def _heard(self) -> Any:
        try:
            return json.loads(self._other.recv_bytes())
        except (EOFError, OSError):
            raise EngineError(f"the engine's process {self._ending()}: see the server's log") from None

    def _ending(self) -> str:
        """How it ended, and no zombie of it."""
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return "does not speak any more"
        return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
