"""What questions to a model that dies say about its package."""

from collections.abc import Iterator
from typing import Any

import pytest

from include.core.errors import ModelError
from include.inferencing import fleet
from include.inferencing.rollout import probes
from include.inferencing.rollout.probes import Probed, Question, ask_both
from include.inferencing.triton_client import ANSWERS, Piece
from tests.inferencing.conftest import QUICK

GONE = "[failed] generation failed, the model must be loaded again: "
KILLED = f"{GONE}the engine's process was ended by signal 9: see the server's log"
CRASHED = f"{GONE}the engine's process was ended by signal 11: see the server's log"
STUB_GONE = "Failed to process the request(s) for model instance 'm_0_0', message: Stub process 'm_0_0' is not healthy."


@pytest.mark.parametrize(
    ("deaths", "bad", "requests"),
    [
        ({3: f"{GONE}std::bad_alloc"}, 1, 10),
        ({3: CRASHED}, 1, 10),
        ({3: KILLED}, 0, 9),
        ({3: STUB_GONE, 4: STUB_GONE, 5: STUB_GONE}, 0, 7),
        ({3: STUB_GONE, 5: STUB_GONE, 6: STUB_GONE, 8: STUB_GONE}, 2, 8),
        ({3: KILLED, 7: KILLED}, 1, 9),
        ({3: "[unloading] the model is being unloaded"}, 0, 9),
        ({3: f"Error generating stream: {STUB_GONE}"}, 1, 10),
    ],
)
def test_one_death_by_a_kill_is_excused_and_no_crash_is(
    monkeypatch: pytest.MonkeyPatch, deaths: dict[int, str], bad: int, requests: int
) -> None:
    asked = iter(range(100))

    class Server:
        def __init__(self, address: str) -> None: ...

        def __enter__(self) -> "Server":
            return self

        def __exit__(self, *_: object) -> None: ...

        def stream(self, model: str, *_: Any) -> Iterator[Piece]:
            if model == "candidate" and (said := deaths.get(next(asked))):
                raise ModelError(model, "here", ANSWERS + said, "")
            yield Piece("yes", 1, "stop")

    monkeypatch.setattr(probes, "TritonClient", Server)
    monkeypatch.setattr(fleet, "live", lambda: ["here"])
    monkeypatch.setattr(fleet, "is_live", lambda _: True)
    probed = Probed()
    one_by_one = QUICK.model_copy(update={"probes_at_once": 1})
    ask_both([Question("Why?")] * 10, "candidate", "champion", one_by_one, probed)
    assert (probed.candidate.bad, probed.candidate.requests) == (bad, requests)
    assert (probed.champion.bad, probed.champion.requests) == (0, 10)
