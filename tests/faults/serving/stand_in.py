"""Python backend of Triton for tests: a model that answers, fails, is empty or slow as behaviour.json says.

Copied into a package as 1/model.py; speaks the interface of the project's own backend.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb

FINAL = pb.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """A thread a request."""

    def initialize(self, args: dict[str, str]) -> None:
        folder = Path(args["model_repository"]) / args["model_version"]
        self.told = json.loads((folder / "behaviour.json").read_text())
        self.asked = 0
        marker = Path(self.told["dies_once"] or __file__)
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.told["load_error"]:
            raise RuntimeError(self.told["load_error"])

    def execute(self, requests: list[Any]) -> None:
        for request in requests:
            self.asked += 1
            fails = self.told["fail_every"] and self.asked % self.told["fail_every"] == 0
            wanted = _tokens(request)
            sender = request.get_response_sender()
            threading.Thread(target=self._answer, args=(sender, fails, wanted), daemon=True).start()

    def _answer(self, sender: Any, fails: bool, wanted: int) -> None:
        time.sleep(self.told["first_seconds"])
        if fails:
            error = pb.TritonError("[failed] as this model was told to")
            sender.send(pb.InferenceResponse(error=error), flags=FINAL)
            return
        words = self.told["answer"].split()[:wanted]
        for number, word in enumerate(words):
            if sender.is_cancelled():
                break
            time.sleep(self.told["gap_seconds"] if number else 0)
            sender.send(_response(word + " ", 1, ""))
        sender.send(_response("", 0, "stop" if len(words) < wanted else "length"), flags=FINAL)


def _tokens(request: Any) -> int:
    """How many tokens are asked for."""
    given = pb.get_input_tensor_by_name(request, "parameters")
    told = json.loads(given.as_numpy().reshape(-1)[0].decode()) if given is not None else {}
    return int(told.get("max_tokens", 16))


def _response(text: str, tokens: int, finish: str) -> Any:
    return pb.InferenceResponse(
        output_tensors=[
            pb.Tensor("text_output", np.array([text.encode()], dtype=np.object_)),
            pb.Tensor("completion_tokens", np.array([tokens], dtype=np.int32)),
            pb.Tensor("prompt_tokens", np.array([3], dtype=np.int32)),
            pb.Tensor("finish_reason", np.array([finish.encode()], dtype=np.object_)),
        ]
    )
