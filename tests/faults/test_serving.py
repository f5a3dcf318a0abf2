"""A few rollouts under traffic with kills: a small storm in each run of the tests; `make faults` has the large one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.inferencing.champion import Transition
from tests.conftest import ObjectStoreServer
from tests.faults.serving.__main__ import run
from tests.faults.serving.history import Judged, Kill, Request, moved, problems


def test_rollouts_under_traffic_and_kills_fail_nobody(tmp_path: Path, object_store_server: ObjectStoreServer) -> None:
    told = run(tmp_path, object_store_server, seed=1, rollouts=2, calm=3.0, rest=1.0, real=False)
    assert not told["problems"], told
    assert told["rollouts"] == 2 and told["kills"] > 0 and told["requests"] > 20


def request(started: float, model: str = "old", error: str = "", tokens: int = 3, server: str = "t1") -> Request:
    return Request(started, started + 1, model, tokens, error, True, ("g1", "g2"), "id", server)


def transition(at: float, what: str, name: str, run: str = "r", reason: str = "") -> Transition:
    moment = datetime.fromtimestamp(at, UTC).isoformat()
    return Transition.model_validate({"at": moment, "what": what, "model_name": name, "run_id": run, "reason": reason})


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
    ],
)
def test_the_checker_finds_what_must_not_happen(requests: list[Request], found: list[str]) -> None:
    told = problems(requests, LOG, [Kill(301, "triton", 301.1, 305, "t1")], {"ungated"})
    assert len(told) == len(found)
    assert all(part in line for part, line in zip(found, told, strict=True))


@pytest.mark.parametrize(
    ("kind", "target", "model", "excused"),
    [
        ("triton", "t1", "", True),
        ("triton", "t2", "", False),
        ("stub", "t1", "new", True),
        ("engine", "t1", "new", True),
        ("engine", "t1", "other", False),
        ("stub", "t2", "new", False),
        ("gateway", "g2", "", True),
        ("gateway", "g1", "", False),
        ("deployer", "", "", False),
        ("control", "", "", False),
    ],
)
def test_a_stream_is_excused_by_the_kill_of_what_it_was_on_alone(
    kind: str, target: str, model: str, excused: bool
) -> None:
    kill = Kill(301, kind, 301.1, 305, target, model)
    broken = request(300.5, "new", error="it broke")
    assert (not problems([broken], LOG, [kill], set())) == excused
    for not_in_flight in (request(299.5, "new", "it broke"), request(302, "new", "it broke")):
        assert problems([not_in_flight], LOG, [kill], set())
    # it had seen no token: the gateway could have asked another server
    assert problems([request(300.5, "new", "it broke", tokens=0)], LOG, [kill], set())


BY_PERSON = "rollback-2026"


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ([transition(300, "started", "next", "run-4"), transition(310, "promoted", "next", "run-4")], []),
        # a verdict at 301 that these runs may not move anything after
        (
            [transition(300, "started", "next", "run-3"), transition(302, "promoted", "next", "run-3")],
            ["against a verdict"],
        ),
        ([transition(300, "started", "next", "run-3"), transition(302, "rolled_back", "next", "run-3")], []),
        # called off by a person, and begun again by a run
        (
            [
                transition(300, "started", "next", "run-4"),
                transition(302, "rolled_back", "next", "run-4", "a person called it off"),
                transition(303, "started", "next", "run-4"),
                transition(304, "rolled_back", "next", "run-4"),
            ],
            ["took it out of service"],
        ),
        # what a person replaced stays away, until a person brings it back
        (
            [
                transition(300, "started", "old", BY_PERSON),
                transition(302, "promoted", "old", BY_PERSON),
                transition(303, "started", "new", "run-4"),
                transition(304, "promoted", "new", "run-4"),
            ],
            ["took it out of service"] * 2,
        ),
        (
            [
                transition(300, "started", "old", BY_PERSON),
                transition(302, "promoted", "old", BY_PERSON),
                transition(303, "started", "new", BY_PERSON),
                transition(304, "promoted", "new", BY_PERSON),
            ],
            [],
        ),
        ([transition(300, "started", "last")], ["has no end: last"]),
    ],
)
def test_the_checker_holds_runs_to_what_verdicts_and_persons_said(more: list[Transition], found: list[str]) -> None:
    told = moved([*LOG, *more], set(), [Judged(301, frozenset({"run-1", "run-2", "run-3"}))])
    assert len(told) == len(found) and all(part in line for part, line in zip(found, told, strict=True)), told
