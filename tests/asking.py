"""Ask the champion of a use case."""

from collections.abc import Iterator
from dataclasses import dataclass

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError, ServerUnavailableError
from include.inferencing import champion
from include.inferencing.triton_client import TritonClient


@dataclass(frozen=True)
class Answer:
    """An answer, piece by piece as it is written, and the name of the model that gives it."""

    model_name: str
    pieces: Iterator[str]

    def __iter__(self) -> Iterator[str]:
        return self.pieces


def ask(
    question: str, use_case: str, store: ArtifactStore, address: str, max_tokens: int = 128, seconds: float = 60.0
) -> Answer:
    """The champion's answer, within `seconds`.

    `address` is host:port of Triton's gRPC endpoint. ConfigurationError where the question is empty,
    ModelError where the use case has no champion or the model refuses, ServerUnavailableError where Triton
    is down.
    """
    if not question.strip():
        raise ConfigurationError("question", question, "the question is empty", "Ask something")
    current = champion.read(store.bucket, use_case)
    if current is None:
        raise ModelError("use_case", use_case, "it has no champion yet", "Run its workflow to the end first")
    return Answer(current.model_name, _pieces(current.model_name, question, address, max_tokens, seconds))


def _pieces(model_name: str, question: str, address: str, max_tokens: int, seconds: float) -> Iterator[str]:
    with TritonClient(address) as triton:
        triton.check()
        if not triton.ready(model_name):
            raise ServerUnavailableError(
                "champion", model_name, "Triton has not loaded it", "Wait: serving-control loads it in seconds"
            )
        for piece in triton.stream(model_name, question, max_tokens, seconds):
            yield piece.text
