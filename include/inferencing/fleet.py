"""All Tritons in use: what is loaded on each, and one answer of each."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from include.core.errors import GenaiError, ModelError, ServerUnavailableError, TransientError
from include.core.settings import settings
from include.inferencing.config import DeployConfig
from include.inferencing.smoke import SmokeTest, smoke_test
from include.inferencing.triton_client import CALL_SECONDS, TritonClient

LOG = logging.getLogger("genai.inferencing.fleet")
T = TypeVar("T")
OVERLOADED = "[overloaded]"
BUSY_SECONDS = 0.5


def addresses() -> list[str]:
    """host:port of each server: those of the settings, each name by all its addresses."""
    return [found for one in settings().triton_addresses for found in _resolved(one)]


def live() -> list[str]:
    """The servers that answer; ServerUnavailableError where none does."""
    found = addresses()
    with ThreadPoolExecutor(max(1, len(found))) as pool:
        alive = [one for one, answers in zip(found, pool.map(is_live, found), strict=True) if answers]
    if not alive:
        raise ServerUnavailableError(
            "GENAI_TRITON_URL", ", ".join(found), "no Triton answers", "Start it, or correct the addresses"
        )
    return alive


def is_live(address: str) -> bool:
    """Whether a server answers."""
    try:
        with TritonClient(address) as triton:
            triton.check()
    except (ServerUnavailableError, ModelError):
        return False
    return True


def load_everywhere(model: str, config: DeployConfig) -> None:
    """Load a model on every live server that has not loaded it, once more where that fails: a process that was killed
    while it loaded says nothing of its package. ModelError where one cannot."""
    _everywhere(lambda triton: None if triton.ready(model) else _loaded(triton, model, config.ready_seconds))


def try_everywhere(model: str, config: DeployConfig) -> SmokeTest:
    """Ask the smoke question on every live server; what does not answer is loaded again, once.

    Gives one of the answers. ModelError where a live server has none.
    """
    return next(iter(_everywhere(lambda triton: _tried(triton, model, config))))


def unload_everywhere(model: str) -> None:
    """Unload a model on every live server."""
    _everywhere(lambda triton: triton.unload(model) if triton.ready(model) else None)


def loaded(triton: TritonClient) -> set[str]:
    """The models that a server has loaded. Unlike the repository's index, its statistics ask no bucket."""
    from tritonclient.utils import InferenceServerException

    try:
        told = triton.client.get_inference_statistics(as_json=True, client_timeout=CALL_SECONDS)
    except InferenceServerException as error:
        problem = f"it does not tell what it has loaded: {error.message()}"
        raise ServerUnavailableError("GENAI_TRITON_URL", triton.address, problem, "Look at Triton's log") from error
    return {str(one["name"]) for one in told.get("model_stats", ())}


def load(triton: TritonClient, model: str, seconds: float) -> None:
    """Load a model and wait until Triton calls it ready."""
    try:
        triton.load(model, seconds)
    except ModelError:
        # another's load of the same model may be under way
        if not triton.ready(model):
            raise
    deadline = time.monotonic() + seconds
    while not triton.ready(model):
        if time.monotonic() > deadline:
            raise ModelError("package", model, "Triton loaded it and does not call it ready", "See Triton's log")
        time.sleep(0.1)


def is_busy(error: GenaiError) -> bool:
    """Whether a model says that it has too much to do: it lives, and is not loaded again."""
    return OVERLOADED in error.problem


def _loaded(triton: TritonClient, model: str, seconds: float) -> None:
    try:
        load(triton, model, seconds)
    except ModelError as error:
        triton.check()
        LOG.warning("%s did not load on %s and is loaded again: %s", model, triton.address, error)
        load(triton, model, seconds)


def _tried(triton: TritonClient, model: str, config: DeployConfig) -> SmokeTest:
    deadline = time.monotonic() + config.ready_seconds
    while True:
        try:
            return smoke_test(triton, model, config)
        except (ModelError, ServerUnavailableError) as error:
            triton.check()
            if not is_busy(error):
                LOG.warning("%s does not answer on %s and is loaded again: %s", model, triton.address, error)
                break
            if time.monotonic() > deadline:
                raise
        time.sleep(BUSY_SECONDS)
    triton.unload(model)
    load(triton, model, config.ready_seconds)
    return smoke_test(triton, model, config)


def _everywhere(act: Callable[[TritonClient], T]) -> list[T]:
    """On all live servers at once; one that dies meanwhile is left out, as long as another lives."""
    servers = live()
    with ThreadPoolExecutor(len(servers)) as pool:
        found = list(pool.map(lambda address: _on(address, act), servers))
    errors = [one for one in found if isinstance(one, GenaiError)]
    done = [one for one in found if not isinstance(one, GenaiError)]
    for error in errors:
        if isinstance(error, ModelError):
            raise error
    if not done:
        raise errors[0]
    return done


def _on(address: str, act: Callable[[TritonClient], T]) -> T | GenaiError:
    with TritonClient(address) as triton:
        try:
            return act(triton)
        except (ModelError, TransientError) as error:
            if not is_live(address):
                return ServerUnavailableError("GENAI_TRITON_URL", address, "Triton went away", "Start it again")
            if isinstance(error, ModelError):
                return error
            problem = f"it did not answer in time on a live server: {error.problem}"
            return ModelError("package", address, problem, "See Triton's log")


def _resolved(address: str) -> Iterator[str]:
    """All addresses of a name, of one family: a server may have one of each. An unknown name stays: errors name it."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError:
        yield address
        return
    numbers = sorted({str(info[4][0]) for info in found})
    old = [number for number in numbers if ":" not in number]
    yield from (f"{number}:{port}" for number in old) if old else (f"[{number}]:{port}" for number in numbers)
