"""Triton python backend: one model on OpenVINO GenAI's continuous batching, answers streamed as they are written.

Runs in the serving environment, copied into a package as 1/model.py; imports nothing of the project.
Inputs: text_input (one string), max_tokens (one int32, optional). Outputs, one response a piece of text:
text_output (one string), completion_tokens (one int32: tokens written since the last response).
"""

import json
import queue
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_genai as genai
import triton_python_backend_utils as pb
from openvino_genai.py_openvino_genai import GenerationStatus

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL
KV_BLOCK = 32


class RequestError(Exception):
    """The request cannot be answered; the message says why."""


class Answer:
    """One request on its way: its sender, the pipeline's handle and the text not yet sent."""

    def __init__(self, sender: Any, tokenizer: Any, deadline: float) -> None:
        self.sender, self.deadline = sender, deadline
        self.handle: Any = None
        self.pending: list[str] = []
        self.tokens = 0
        self.streamer = genai.TextStreamer(tokenizer, self._collect)

    def _collect(self, text: str) -> Any:
        self.pending.append(text)
        return genai.StreamingStatus.RUNNING

    def write(self, tokens: list[int]) -> None:
        for token in tokens:
            self.streamer.write(token)
        self.tokens += len(tokens)
        self._send(0)

    def finish(self) -> None:
        self.streamer.end()
        self._send(FINAL)

    def fail(self, reason: str) -> None:
        self.sender.send(pb.InferenceResponse(error=pb.TritonError(reason)), flags=FINAL)

    def _send(self, flags: int) -> None:
        text, self.pending = "".join(self.pending), []
        if not text and not flags:
            return
        outputs = [
            pb.Tensor("text_output", np.array([text.encode("utf-8")], dtype=np.object_)),
            pb.Tensor("completion_tokens", np.array([self.tokens], dtype=np.int32)),
        ]
        self.tokens = 0
        self.sender.send(pb.InferenceResponse(output_tensors=outputs), flags=flags)


class TritonPythonModel:
    """One thread owns the pipeline: it admits what waits, drives step() and sends what was written."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        self.limits = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
        scheduler = genai.SchedulerConfig()
        scheduler.num_kv_blocks = self.limits["cache_tokens"] // KV_BLOCK
        scheduler.max_num_seqs = self.limits["max_sequences"]
        scheduler.enable_prefix_caching = True
        self.pipe = genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", self.limits["engine"])
        self.tokenizer = self.pipe.get_tokenizer()
        self.waiting: queue.Queue[Any] = queue.Queue()
        self.active: list[Answer] = []
        self.number = 0
        self.stopping = threading.Event()
        self.worker = threading.Thread(target=self._work, name="generate", daemon=True)
        self.worker.start()

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self.waiting.put(request)
        if not self.worker.is_alive():
            self._drain("the generation thread has died; the model must be loaded again")

    def finalize(self) -> None:
        self.stopping.set()
        self.waiting.put(None)
        self.worker.join(timeout=10)

    def _work(self) -> None:
        try:
            while not self.stopping.is_set():
                self._admit(block=not self.active)
                if self.pipe.has_non_finished_requests():
                    self.pipe.step()
                self.active = [answer for answer in self.active if self._advance(answer)]
        except Exception as error:
            self._drain(f"generation failed: {error}")
            raise
        self._drain("the model is being unloaded")

    def _drain(self, reason: str) -> None:
        for answer in self.active:
            answer.fail(reason)
        self.active = []
        while not self.waiting.empty():
            request = self.waiting.get()
            if request is not None:
                Answer(request.get_response_sender(), self.tokenizer, 0).fail(reason)

    def _admit(self, block: bool) -> None:
        while len(self.active) < self.limits["max_sequences"]:
            try:
                request = self.waiting.get(block=block)
            except queue.Empty:
                return
            if request is None:
                return
            block = False
            seconds = request.timeout() / 1e6 or self.limits["deadline_seconds"]
            deadline = time.monotonic() + min(seconds, self.limits["deadline_seconds"])
            answer = Answer(request.get_response_sender(), self.tokenizer, deadline)
            try:
                tokens, config = self._read(request)
            except RequestError as error:
                answer.fail(str(error))
                continue
            self.number += 1
            answer.handle = self.pipe.add_request(self.number, ov.Tensor(tokens), config)
            self.active.append(answer)

    def _read(self, request: Any) -> tuple[Any, Any]:
        text = pb.get_input_tensor_by_name(request, "text_input").as_numpy().reshape(-1)
        wanted = pb.get_input_tensor_by_name(request, "max_tokens")
        limit = self.limits["max_new_tokens"]
        count = int(wanted.as_numpy().reshape(-1)[0]) if wanted is not None else limit
        if len(text) != 1:
            raise RequestError(f"text_input = {len(text)} strings: send exactly one")
        try:
            question = text[0].decode("utf-8")
        except UnicodeDecodeError as error:
            raise RequestError(f"text_input: not UTF-8 ({error.reason})") from None
        if not question.strip():
            raise RequestError("text_input = '': the question is empty")
        if not 1 <= count <= limit:
            raise RequestError(f"max_tokens = {count}: must be from 1 to {limit}")
        # text far beyond the limit is refused before it costs a tokenization
        prompt = self._prompt(question) if len(question) <= 64 * self.limits["max_prompt_tokens"] else None
        if prompt is None or prompt.shape[1] > self.limits["max_prompt_tokens"]:
            length = "too many" if prompt is None else prompt.shape[1]
            raise RequestError(f"text_input = {length} tokens: at most {self.limits['max_prompt_tokens']} are allowed")
        config = self.pipe.get_config()
        config.max_new_tokens, config.do_sample = count, False
        return prompt, config

    def _prompt(self, question: str) -> Any:
        turns = [(("user", asked), ("assistant", answered)) for asked, answered in self.limits["examples"]]
        messages = [{"role": role, "content": text} for turn in turns for role, text in turn]
        messages.append({"role": "user", "content": question})
        text = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        ids = self.tokenizer.encode(text, add_special_tokens=False).input_ids.data
        soft = np.array([self.limits["soft_prompt"]], dtype=np.int64)
        return np.concatenate([soft, ids], axis=1)

    def _advance(self, answer: Answer) -> bool:
        """Send what `answer` gained; False when it is over."""
        if answer.sender.is_cancelled():
            answer.handle.cancel()
            answer.sender.send(flags=FINAL)
            return False
        while answer.handle.can_read():
            for output in answer.handle.read().values():
                answer.write(list(output.generated_ids))
        status = answer.handle.get_status()
        if status == GenerationStatus.IGNORED:
            answer.fail("the key-value cache is too small for this request")
            return False
        if status != GenerationStatus.RUNNING:
            answer.finish()
            return False
        if time.monotonic() > answer.deadline:
            answer.handle.cancel()
            answer.fail("the deadline passed before the answer was complete")
            return False
        return True
