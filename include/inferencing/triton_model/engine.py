"""The engine: OpenVINO GenAI's pipeline in a process of its own, `engine.py FOLDER DESCRIPTOR`.

`step()` holds the interpreter's lock: beside it, everything else in the process waits for a step each time.
It lives as long as the process that started it, and does not end before that one wants it to.

Messages are JSON. Heard: ["add", number, tokens, config], ["drop", number]. Told: once "ready"; then lists of [number,
tokens since, ending, problem] of the answers that gained something; last the text of what broke it. An ending is empty
while the answer goes on, else stop, length, full (no room in the cache) or refused, for `problem`.
"""

import ctypes
import json
import select
import signal
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai
from openvino_genai.py_openvino_genai import GenerationFinishReason, GenerationStatus

KV_BLOCK = 32
# told at once: beginnings and endings. Between them nobody reads 100 pieces a second, and telling costs every stream
PACE_SECONDS = 0.03
LENGTH, FULL, STOP, REFUSED = "length", "full", "stop", "refused"
# several instances on one machine: each would pin its threads to the same first processors
UNPINNED = {"ENABLE_CPU_PINNING": False}
# of the engine and of numpy, whose exceptions have no name here: what one request causes ends that one alone
UNFORESEEN = Exception
PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl


class Engine:
    """Adds and drops requests between steps, and tells what each step has written."""

    def __init__(self, folder: Path, other: Connection) -> None:
        limits = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = limits["cache_tokens"] // KV_BLOCK
        scheduler.max_num_seqs = limits["max_sequences"]
        scheduler.enable_prefix_caching = True
        self.pipe = genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", limits["engine"] | UNPINNED)
        self.other, self.handles = other, dict[int, Any]()
        self.begun, self.told = set[int](), 0.0
        self.mail = select.poll()
        self.mail.register(other, select.POLLIN)

    def serve(self) -> None:
        """Until the other side is gone: EOFError."""
        while True:
            while self.mail.poll(0 if self.handles else None):
                self._hear(*json.loads(self.other.recv_bytes()))
            if self.pipe.has_non_finished_requests():
                self.pipe.step()
            if self._is_due():
                self._tell([[number, *_read(handle)] for number, handle in self.handles.items()])

    def _hear(self, what: str, number: int, *rest: Any) -> None:
        if what == "drop":
            if handle := self.handles.pop(number, None):
                handle.cancel()
                self.begun.discard(number)
            return
        tokens, asked = rest
        try:
            prompt = ov.Tensor(np.array([tokens], dtype=np.int64))
            self.handles[number] = self.pipe.add_request(number, prompt, self._config(**asked))
        except UNFORESEEN as error:
            self._tell([[number, [], REFUSED, brief(error)]])

    def _is_due(self) -> bool:
        """Whether an answer has begun or ended, or a round is over."""
        running = GenerationStatus.RUNNING
        return time.monotonic() - self.told > PACE_SECONDS or any(
            handle.get_status() != running or (number not in self.begun and handle.can_read())
            for number, handle in self.handles.items()
        )

    def _tell(self, found: list[list[Any]]) -> None:
        news = [one for one in found if one[1] or one[2]]
        for number, _, ending, *_ in news:
            self.begun.add(number)
            if ending:
                self.handles.pop(number, None)
                self.begun.discard(number)
        if news:
            self.told = time.monotonic()
            tell(self.other, news)

    def _config(self, shift: int, **asked: Any) -> Any:
        config = self.pipe.get_config()
        if shift:
            config.stop_token_ids = {token + shift for token in {*config.stop_token_ids, config.eos_token_id}}
            config.eos_token_id += shift
        for name, value in asked.items():
            setattr(config, name, value)
        return config


def _read(handle: Any) -> tuple[list[int], str]:
    """Tokens since the last look, and how the answer ended."""
    status, tokens, ending = handle.get_status(), list[int](), ""
    while handle.can_read():
        for output in handle.read().values():
            tokens += output.generated_ids
            if output.finish_reason == GenerationFinishReason.LENGTH:
                ending = LENGTH
    if status == GenerationStatus.IGNORED:
        return tokens, FULL
    return tokens, "" if status == GenerationStatus.RUNNING else ending or STOP


def tell(other: Connection, message: Any) -> None:
    """One message to the other side."""
    other.send_bytes(json.dumps(message).encode())


def brief(error: BaseException) -> str:
    """The end of an error's text, on one line."""
    return " ".join(str(error).split())[-300:]


def stay() -> None:
    """End with the process that started this one, also in a step or a load that is long, and by no signal to all of a
    group: what Triton is told to end, it ends when its answers are complete."""
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Load, say so, serve."""
    stay()
    other = Connection(int(sys.argv[2]))
    try:
        engine = Engine(Path(sys.argv[1]), other)
        tell(other, "ready")
        engine.serve()
    except (EOFError, ConnectionError):
        return
    except Exception as error:
        tell(other, brief(error) or repr(error))
        raise


if __name__ == "__main__":
    main()
