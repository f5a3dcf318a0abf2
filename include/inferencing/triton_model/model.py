"""Triton python backend: one model on OpenVINO GenAI's continuous batching, answers streamed as they are written.

Runs in the serving environment, copied into a package as 1/model.py with its siblings; imports nothing of the
project. Inputs, strings: messages (JSON) or text_input, parameters (JSON), adapter. Outputs, one response a piece of
text: text_output, completion_tokens (since the last response), prompt_tokens, finish_reason (stop, length, or empty
until the last). Errors read `[code] message`.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai
import triton_python_backend_utils as pb
from openvino_genai.py_openvino_genai import GenerationFinishReason, GenerationStatus

from .asked import Asked, RequestError, read, refused
from .prompts import Prompt, Prompts
from .written import Written

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
KV_BLOCK = 32
CANCEL_SECONDS = 0.25  # each look costs a message to the server
LOOK_SECONDS = 0.05
# between rounds of sending: what is sent costs the engine its processor, and nobody reads 100 pieces a second
PACE_SECONDS = 0.03
IDLE_SECONDS = 1.0
UNLOAD_SECONDS = 5.0
# of the engine, the tokenizer and Triton, whose exceptions have no name here: they end one answer, never all
UNFORESEEN = Exception
UNLOADING = "[unloading] the model is being unloaded"
INPUTS = ("messages", "text_input", "parameters", "adapter")


class Answer:
    """One request on its way: its sender, the pipeline's handle and what was not yet sent."""

    def __init__(self, request: Any, deadline: float) -> None:
        self.sender, self.deadline = request.get_response_sender(), deadline
        self.handle: Any = None
        self.written: Written
        self.prompt_tokens = self.tokens = self.shift = 0
        self.text, self.reason = "", ""
        self.looked = time.monotonic()

    def take(self) -> bool:
        """Take what the pipeline has written; whether that ends the answer."""
        status = self.handle.get_status()
        tokens: list[int] = []
        while self.handle.can_read():
            for output in self.handle.read().values():
                tokens += [token - self.shift for token in output.generated_ids]
                if output.finish_reason != GenerationFinishReason.NONE:
                    self.reason = "length" if output.finish_reason == GenerationFinishReason.LENGTH else "stop"
        if status == GenerationStatus.IGNORED:
            raise RequestError("prompt_too_long", "the key-value cache is too small for this request")
        over = status != GenerationStatus.RUNNING
        used, text = self.written.take(tokens, last=over)
        self.tokens, self.text = self.tokens + used, self.text + text
        if self.written.stopped:
            # the engine may have ended by itself since, of its length
            self.reason = "stop"
            if not over:
                self.handle.stop()
        return over or self.written.stopped

    def send(self, over: bool) -> None:
        """Send what was taken, if it is text or the end."""
        if not self.text and not over:
            return
        outputs = [
            pb.Tensor("text_output", np.array([self.text.encode("utf-8")], dtype=np.object_)),
            pb.Tensor("completion_tokens", np.array([self.tokens], dtype=np.int32)),
            pb.Tensor("prompt_tokens", np.array([self.prompt_tokens], dtype=np.int32)),
            pb.Tensor("finish_reason", np.array([(self.reason or "stop") if over else ""], dtype=np.object_)),
        ]
        self.text, self.tokens = "", 0
        self.sender.send(pb.InferenceResponse(output_tensors=outputs), flags=FINAL if over else 0)

    def fail(self, reason: str) -> None:
        """End it with an error."""
        self.sender.send(pb.InferenceResponse(error=pb.TritonError(reason)), flags=FINAL)


class TritonPythonModel:
    """Triton's thread reads requests, one drives step(), one turns tokens into text and sends it."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        self.limits = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = self.limits["cache_tokens"] // KV_BLOCK
        scheduler.max_num_seqs = self.limits["max_sequences"]
        scheduler.enable_prefix_caching = True
        self.pipe = genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", self.limits["engine"])
        self.tokenizer = self.pipe.get_tokenizer()
        self.prompts = Prompts(self.tokenizer, self.limits)
        self.active: list[Answer] = []
        self.entering: deque[tuple[Answer, Any, Any]] = deque()
        self.number = 0
        self.broken = ""
        self.stopping = False
        self.arrived, self.stepped = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._generate, self._deliver)]
        for thread in self.threads:
            thread.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            seconds = request.timeout() / 1e6 or self.limits["deadline_seconds"]
            answer = Answer(request, time.monotonic() + min(seconds, self.limits["deadline_seconds"]))
            try:
                self._admit(request, answer)
            except RequestError as error:
                answer.fail(str(error))
            except UNFORESEEN as error:
                # nobody else would ever end it
                answer.fail(f"[failed] {' '.join(str(error).split())[-300:]}")

    def finalize(self) -> None:
        """End: answers under way get their time, later ones an error."""
        until = time.monotonic() + UNLOAD_SECONDS
        while (self.active or self.entering) and not self.broken and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
        self.stopping = True
        self.arrived.set()
        for thread in self.threads:
            thread.join(timeout=UNLOAD_SECONDS)

    def _admit(self, request: Any, answer: Answer) -> None:
        if self.broken:
            raise RequestError("failed", self.broken)
        here = len(self.active) + len(self.entering)
        if here >= self.limits["max_sequences"] + self.limits["max_waiting"]:
            raise RequestError("overloaded", f"{here} requests are already here: ask again later")
        asked = read(self._inputs(request), self.limits)
        prompt = self.prompts.build(asked)
        answer.prompt_tokens, answer.shift = prompt.tokens.shape[1], prompt.shift
        answer.written = Written(self._decode, asked.stop)
        self.entering.append((answer, ov.Tensor(prompt.tokens), self._config(asked, prompt)))
        self.arrived.set()

    def _enter(self) -> None:
        """Between two steps, for the pipeline keeps others out while it steps: one would wait for a step each."""
        while True:
            try:
                answer, tokens, config = self.entering.popleft()
            except IndexError:
                return
            if self.stopping or self.broken:
                answer.fail(f"[failed] {self.broken}" if self.broken else UNLOADING)
                continue
            self.number += 1
            try:
                answer.handle = self.pipe.add_request(self.number, tokens, config)
            except RuntimeError as error:
                answer.fail(str(refused("parameters", " ".join(str(error).split())[-200:])))
                continue
            self.active.append(answer)

    def _inputs(self, request: Any) -> dict[str, bytes]:
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

    def _config(self, asked: Asked, prompt: Prompt) -> Any:
        config = self.pipe.get_config()
        if prompt.shift:
            config.stop_token_ids = {token + prompt.shift for token in {*config.stop_token_ids, config.eos_token_id}}
            config.eos_token_id += prompt.shift
        sampling = dict(asked.sampling)
        config.max_new_tokens = asked.max_tokens
        config.do_sample = sampling.get("temperature", 0.0) > 0
        if not config.do_sample:
            for name in ("temperature", "top_p", "top_k"):
                sampling.pop(name, None)
        if not sampling.get("top_k", 1):
            del sampling["top_k"]
        for name, value in sampling.items():
            setattr(config, {"seed": "rng_seed"}.get(name, name), value)
        return config

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens)))

    def _generate(self) -> None:
        try:
            while not self.stopping:
                self.arrived.clear()
                self._enter()
                while not self.stopping and self.pipe.has_non_finished_requests():
                    self.pipe.step()
                    self.stepped.set()
                    self._enter()
                self.stepped.set()
                self.arrived.wait(IDLE_SECONDS)
        except Exception as error:
            # whatever it is, it is told to every answer that waits for a step, and raised on
            self.broken = f"generation failed, the model must be loaded again: {' '.join(str(error).split())[-300:]}"
            self.stepped.set()
            raise

    def _deliver(self) -> None:
        while not self.stopping:
            if self.active:
                time.sleep(PACE_SECONDS)
            self.stepped.wait(LOOK_SECONDS if self.active else IDLE_SECONDS)
            self.stepped.clear()
            if self.broken:
                self._enter()
            for answer in self.active.copy():
                try:
                    under_way = self._advance(answer)
                except UNFORESEEN as error:
                    # of the engine or of Triton's sender: an answer that cannot be read or sent is given up alone, as
                    # an exception that left this thread would end all others' too
                    pb.Logger.log_error(f"an answer was given up: {error!r}")
                    answer.handle.cancel()
                    under_way = False
                if not under_way:
                    self.active.remove(answer)
        self._enter()
        for answer in self.active:
            answer.fail(UNLOADING)

    def _advance(self, answer: Answer) -> bool:
        """Send what `answer` gained; False when it is over."""
        try:
            now = time.monotonic()
            if self.broken:
                raise RequestError("failed", self.broken)
            if now - answer.looked > CANCEL_SECONDS:
                answer.looked = now
                if answer.sender.is_cancelled():
                    answer.handle.cancel()
                    answer.sender.send(flags=FINAL)
                    return False
            if now > answer.deadline:
                raise RequestError("deadline", "the deadline passed before the answer was complete")
            over = answer.take()
            answer.send(over)
        except RequestError as error:
            answer.handle.cancel()
            answer.fail(str(error))
            return False
        return not over
