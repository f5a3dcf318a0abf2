"""A few rollouts under traffic with kills: a small storm in each run of the tests; `make faults` has the large one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.inferencing.champion import Transition
from tests.conftest import ObjectStoreServer
from tests.faults.serving.__main__ import run
from tests.faults.serving.history import Kill, Request, problems


def test_rollouts_under_traffic_and_kills_fail_nobody(tmp_path: Path, object_store_server: ObjectStoreServer) -> None:
    told = run(tmp_path, object_store_server, seed=1, rollouts=2, calm=3.0, rest=1.0)
    assert not told["problems"], told
    assert told["rollouts"] == 2 and told["kills"] > 0 and told["requests"] > 20


def request(started: float, model: str = "old", error: str = "", tokens: int = 3) -> Request:
    return Request(started, started + 1, model, tokens, error, True, ("a",))


def transition(at: float, what: str, name: str) -> Transition:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return Transition.model_validate({"at": moment, "what": what, "model_name": name, "run_id": "r"})


LOG = [
    transition(0, "started", "old"),
    transition(1, "promoted", "old"),
    transition(100, "started", "new"),
    transition(110, "canary", "new"),
    transition(120, "promoted", "new"),
    transition(200, "started", "bad"),
    transition(210, "canary", "bad"),
    transition(220, "rolled_back", "bad"),
]


@pytest.mark.parametrize(
    ("requests", "found"),
    [
        ([request(50), request(115, "new"), request(121), request(500, "new"), request(215, "bad")], []),
        ([request(105, "new")], ["not to serve then"]),
        ([request(130, "old")], ["not to serve then"]),
        ([request(230, "bad")], ["not to serve then"]),
        ([request(150, "ungated")], ["no gate let pass"]),
        ([request(50, error="it broke")], ["failed"]),
        ([request(300.5, "new", error="it broke")], []),
        ([request(300.5, "new", error="it broke", tokens=0)], ["failed"]),
    ],
)
def test_the_checker_finds_what_must_not_happen(requests: list[Request], found: list[str]) -> None:
    told = problems(requests, LOG, [Kill(301, "triton", 301.1, 305)], {"ungated"})
    assert len(told) == len(found)
    assert all(part in line for part, line in zip(found, told, strict=True))


def test_the_checker_misses_no_rollout_without_an_end() -> None:
    assert "has no end: last" in problems([], [*LOG, transition(300, "started", "last")], [], set())[0]
