"""Triton python backend: one model on OpenVINO GenAI's continuous batching, answers streamed as they are written.

Requests become tokens here and tokens become text; the engine writes them in a process of its own.

Runs in the serving environment, copied into a package as 1/model.py with its siblings; imports nothing of the
project. Inputs, strings: messages (JSON) or text_input, parameters (JSON), adapter. Outputs, one response a piece of
text: text_output, completion_tokens (since the last response), prompt_tokens, finish_reason (stop, length, or empty
until the last). Errors read `[code] message`.
"""

import itertools
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import openvino_genai as genai
import triton_python_backend_utils as pb

from .answer import Answer
from .asked import RequestError, read, refused
from .engine_process import EngineError, EngineProcess
from .prompts import Prompts
from .written import Written

CANCEL_SECONDS = 0.25  # each look costs a message to the server
LOOK_SECONDS = 0.05
IDLE_SECONDS = 1.0
UNLOAD_SECONDS = 5.0
# of the tokenizer and Triton, whose exceptions have no name here: they end one answer, never all
UNFORESEEN = Exception
UNLOADING = "[unloading] the model is being unloaded"
INPUTS = ("messages", "text_input", "parameters", "adapter")
# a prompt is short, and the engine wants the processors
TOKENIZER = {"ENABLE_CPU_PINNING": False, "INFERENCE_NUM_THREADS": 1}


class TritonPythonModel:
    """Triton's thread reads requests; another one turns tokens into text and sends it."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        self.limits = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
        self.tokenizer = genai.Tokenizer(str(folder), TOKENIZER)
        self.prompts = Prompts(self.tokenizer, self.limits)
        self.engine = EngineProcess(folder)
        self.active: dict[int, Answer] = {}
        self.numbers = itertools.count()
        self.broken = ""
        self.stopping = False
        self.delivery = threading.Thread(target=self._deliver, daemon=True)
        self.delivery.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            answer = Answer(request, self.limits["deadline_seconds"])
            try:
                self._admit(request, answer)
            except RequestError as error:
                answer.fail(str(error))
            except UNFORESEEN as error:
                # nobody else would ever end it
                answer.fail(_failed(error))

    def finalize(self) -> None:
        """End: answers under way get their time, later ones an error."""
        until = time.monotonic() + UNLOAD_SECONDS
        while self.active and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        self.stopping = True
        # its end is heard at once
        self.engine.end()
        self.delivery.join(timeout=UNLOAD_SECONDS)

    def _admit(self, request: Any, answer: Answer) -> None:
        if self.broken:
            raise RequestError("failed", self.broken)
        if (here := len(self.active)) >= self.limits["max_sequences"] + self.limits["max_waiting"]:
            raise RequestError("overloaded", f"{here} requests are already here: ask again later")
        asked = read(_inputs(request), self.limits)
        prompt = self.prompts.build(asked)
        answer.prompt_tokens, answer.shift = prompt.tokens.shape[1], prompt.shift
        answer.written = Written(self._decode, asked.stop)
        number = next(self.numbers)
        # from here on the other thread ends it, with the engine's error too
        self.active[number] = answer
        self.engine.add(number, prompt.tokens[0].tolist(), asked.generation() | {"shift": prompt.shift})
        if number not in self.active:
            # given up meanwhile: that may have been told before there was anything to drop
            self.engine.drop(number)

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens)))

    def _deliver(self) -> None:
        while not self.stopping:
            self._hear(LOOK_SECONDS if self.active else IDLE_SECONDS)
            for number, answer in list(self.active.items()):
                try:
                    under_way = self._advance(answer)
                except UNFORESEEN as error:
                    # an answer that cannot be read or sent is given up alone: an exception that left this thread would
                    # end all others' too
                    pb.Logger.log_error(f"an answer was given up: {error!r}")
                    with suppress(UNFORESEEN):
                        answer.fail(_failed(error))
                    under_way = False
                if not under_way:
                    del self.active[number]
                    if not answer.ending:
                        self.engine.drop(number)
        for answer in list(self.active.values()):
            answer.fail(UNLOADING)

    def _hear(self, seconds: float) -> None:
        """Hand on what the engine tells within so many seconds."""
        if self.broken:
            time.sleep(LOOK_SECONDS)
            return
        try:
            news = self.engine.news(seconds)
        except EngineError as error:
            if not self.stopping:
                self.broken = f"generation failed, the model must be loaded again: {error}"
            return
        for number, *told in news:
            if answer := self.active.get(number):
                answer.hear(*told)

    def _advance(self, answer: Answer) -> bool:
        """Send what `answer` gained; False when it is over."""
        now = time.monotonic()
        try:
            if now - answer.looked > CANCEL_SECONDS:
                answer.looked = now
                if answer.sender.is_cancelled():
                    answer.give_up()
                    return False
            if now > answer.deadline:
                raise RequestError("deadline", "the deadline passed before the answer was complete")
            answer.take()
            if self.broken and not answer.reason:
                raise RequestError("failed", self.broken)
            answer.send()
        except RequestError as error:
            answer.fail(str(error))
            return False
        return not answer.reason


def _failed(error: Exception) -> str:
    return f"[failed] {' '.join(str(error).split())[-300:]}"


def _inputs(request: Any) -> dict[str, bytes]:
    found = {}
    for name in INPUTS:
        tensor = pb.get_input_tensor_by_name(request, name)
        if tensor is None:
            continue
        values = tensor.as_numpy().reshape(-1)
        if len(values) != 1:
            raise refused(name, f"{len(values)} strings: send exactly one")
        found[name] = values[0]
    return found
