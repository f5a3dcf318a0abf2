"""Triton over gRPC: load, unload, ask; every call has a deadline."""

import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from include.core.errors import GenaiError, ModelError, ServerUnavailableError

CALL_SECONDS = 5.0
# how a package for vLLM is asked: a parameter of its config.pbtxt, and where in the prompt the question goes
ASKED, QUESTION = "genai_asked", "<<question>>"
ONE_ENGINE = ("completion_tokens", "prompt_tokens", "finish_reason")
OTHER_ENGINE = ("num_output_tokens", "num_input_tokens", "finish_reason")
OTHER_FLAGS = ("return_num_input_tokens", "return_num_output_tokens")
# before Triton's own words in a ModelError
ANSWERS = "Triton answers: "
UNREACHABLE = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED")


@dataclass(frozen=True)
class Piece:
    """A piece of an answer: its text, the tokens written since the last piece, and why the answer ended if it did."""

    text: str
    tokens: int
    finish_reason: str = ""
    prompt_tokens: int = 0


class TritonClient:
    """One Triton server; `address` is host:port of its gRPC endpoint."""

    def __init__(self, address: str) -> None:
        import tritonclient.grpc as grpc

        self.address = address
        self.client = grpc.InferenceServerClient(address)
        self.asked: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> "TritonClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def check(self) -> None:
        """ServerUnavailableError unless the server answers."""
        with self._errors("server"):
            self.client.is_server_live(client_timeout=CALL_SECONDS)

    def ready(self, model: str) -> bool:
        """Whether the server calls `model` ready (a dead python stub does not change that: ask it)."""
        with self._errors(model):
            return bool(self.client.is_model_ready(model, client_timeout=CALL_SECONDS))

    def load(self, model: str, seconds: float, config: dict[str, Any] | None = None) -> None:
        """Load or reload; ModelError with Triton's reason, ServerUnavailableError where it does not answer.

        `config` replaces the package's own as a whole.
        """
        with self._errors(model):
            self.client.load_model(model, config=config and json.dumps(config), client_timeout=seconds)

    def config(self, model: str) -> dict[str, Any]:
        """The configuration that a loaded model has; ModelError where it is not loaded."""
        with self._errors(model):
            found = self.client.get_model_config(model, as_json=True, client_timeout=CALL_SECONDS)
        return dict(found["config"])

    def unload(self, model: str) -> None:
        """Unload; a model that is not loaded does not matter."""
        with self._errors(model):
            self.client.unload_model(model, client_timeout=30)

    def stream(
        self, model: str, question: str, max_tokens: int, seconds: float, adapter: str = "", **parameters: object
    ) -> Iterator[Piece]:
        """The answer to a user's question, piece by piece as it is written; ended by an error after `seconds`.

        `adapter`: a live adapter's name; `parameters`: of sampling, as the model's input `parameters` has them.

        ModelError where the model refuses the question or fails, ServerUnavailableError where Triton is
        down or the deadline passes. Leaving the iterator early cancels the request.
        """
        import tritonclient.grpc as grpc

        # a stream of its own: a client carries one at a time
        client = grpc.InferenceServerClient(self.address)
        results: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()
        deadline = time.monotonic() + seconds
        finished = False
        try:
            client.start_stream(lambda result, error: results.put((result, error)), stream_timeout=seconds)
            with self._errors(model):
                client.async_stream_infer(
                    model,
                    self.inputs(model, question, parameters | {"max_tokens": max_tokens}, adapter),
                    enable_empty_final_response=True,
                    timeout=int(seconds * 1e6),
                )
                while not finished:
                    result, error = results.get(timeout=max(0.01, deadline - time.monotonic()))
                    if error is not None:
                        raise error
                    finished = result.get_response().parameters["triton_final_response"].bool_param
                    if result.as_numpy("text_output") is not None:
                        yield piece_of(result)
        finally:
            client.stop_stream(cancel_requests=not finished)
            client.close()

    def inputs(self, model: str, question: str, parameters: dict[str, object], adapter: str) -> list[Any]:
        """In the words of the model's engine: a package for vLLM tells in its configuration how it is asked."""
        if model not in self.asked:
            told = self.client.get_model_config(model, as_json=True, client_timeout=CALL_SECONDS)
            found = told["config"].get("parameters", {}).get(ASKED, {})
            self.asked[model] = json.loads(found["string_value"]) if found else {}
        asked = self.asked[model]
        return vllm_inputs(asked, question, parameters, adapter) if asked else inputs_of(question, parameters, adapter)

    @contextmanager
    def _errors(self, model: str) -> Iterator[None]:
        from tritonclient.utils import InferenceServerException

        try:
            yield
        except queue.Empty:
            raise ServerUnavailableError(
                model, self.address, "the answer did not come before its deadline", "Try again; look at Triton's log"
            ) from None
        except InferenceServerException as error:
            raise self._translate(model, error) from error

    def _translate(self, model: str, error: Any) -> GenaiError:
        reason = " ".join(str(error.message() or error).split())
        status = str(error.status() or "")
        # a model that fails to load also says UNAVAILABLE: only a server that is not alive is unreachable
        if any(name in status for name in UNREACHABLE) and not self._alive():
            return ServerUnavailableError(
                "GENAI_TRITON_URL", self.address, "Triton does not answer", "Start it, or correct the address"
            )
        if "DEADLINE_EXCEEDED" in status or "CANCELLED" in status or "deadline" in reason.lower():
            return ServerUnavailableError(
                model, self.address, f"Triton did not answer in time ({reason[:200]})", "Try again; look at its log"
            )
        return ModelError(model, self.address, ANSWERS + reason[:1000], "See the package and Triton's log")

    def _alive(self) -> bool:
        from tritonclient.utils import InferenceServerException

        try:
            return bool(self.client.is_server_live(client_timeout=CALL_SECONDS))
        except InferenceServerException:
            return False


def piece_of(result: Any) -> Piece:
    """One response of either engine."""
    values = {name: result.as_numpy(name) for name in (*ONE_ENGINE, *OTHER_ENGINE)}
    tokens, prompt, reason = (
        next((values[name].reshape(-1)[0] for name in names if values[name] is not None), None)
        for names in zip(ONE_ENGINE, OTHER_ENGINE, strict=True)
    )
    ended = reason.decode("utf-8") if reason else ""
    text = result.as_numpy("text_output").reshape(-1)[0].decode("utf-8")
    return Piece(text, int(tokens or 0), "" if ended == "None" else ended, int(prompt or 0))


def inputs_of(question: str, parameters: dict[str, object], adapter: str) -> list[Any]:
    """Inputs of the python backend's model: a user's question, sampling, the adapter where one is named."""
    values = {"messages": json.dumps([{"role": "user", "content": question}]), "parameters": json.dumps(parameters)}
    return [_text(name, value) for name, value in (values | ({"adapter": adapter} if adapter else {})).items()]


def vllm_inputs(asked: dict[str, Any], question: str, parameters: dict[str, object], adapter: str) -> list[Any]:
    """Inputs of Triton's vLLM backend; `asked`: the package's prompt, and what goes with each request."""
    import numpy as np
    import tritonclient.grpc as grpc

    sampling = {"temperature": 0.0} | asked["parameters"] | parameters | ({"lora_name": adapter} if adapter else {})
    prompt = asked["prompt"].replace(QUESTION, question)
    flags = []
    for name in ("stream", "exclude_input_in_output", "return_finish_reason", *OTHER_FLAGS):
        flags.append(grpc.InferInput(name, [1], "BOOL"))
        flags[-1].set_data_from_numpy(np.array([True]))
    return [_text("text_input", prompt), _text("sampling_parameters", json.dumps(sampling)), *flags]


def _text(name: str, value: str) -> Any:
    import numpy as np
    import tritonclient.grpc as grpc

    tensor = grpc.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([value.encode("utf-8")], dtype=np.object_))
    return tensor
