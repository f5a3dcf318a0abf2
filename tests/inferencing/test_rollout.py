"""A rollout on a real Triton: to its end, back, and on from wherever its owner died."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.history import now
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.core.errors import ConfigurationError, ModelError
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing import deploy as deployment
from include.inferencing.rollback import rollback
from include.inferencing.rollout import transitions
from include.inferencing.rollout.drive import Driver
from include.inferencing.rollout.leave import leave
from include.inferencing.triton_client import TritonClient
from tests.faults.serving.packages import BAD, stand_in
from tests.gates import gate_of, put_in_service, rollout_of, serving_of
from tests.inferencing.conftest import QUICK, TritonServer, deploy, run_of
from tests.tiny_model import tiny_dataset


def loaded(triton: TritonServer, *packages: ArtifactRef, use_case: str) -> list[bool]:
    with TritonClient(triton.address) as client:
        return [client.ready(champion.model_name(use_case, one)) for one in packages]


def test_a_long_answer_is_completed_by_a_model_that_leaves(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    slow = stand_in(store, "slow", gap_seconds=0.1)
    deploy(store, slow, run_of(use_case), QUICK)
    heard: list[str] = []
    with TritonClient(triton.address) as client:
        answer = client.stream(champion.model_name(use_case, slow), "Why?", 32, 30)
        heard.append(next(answer).text)
        client.unload(champion.model_name(use_case, slow))
        assert not client.ready(champion.model_name(use_case, slow))
        heard += [piece.text for piece in answer]
    assert "".join(heard).split()[-1] == "container"


REASONS = {
    "does not load": "no such weights",
    "is empty": "its answer to .* is empty",
    "fails": "of 10 answers failed or empty, the champion's 0 of 10",
    "is slow": "first token later than .* s: 10 of 10",
    "says nonsense": "chrF -",
}
STRICT = QUICK.model_copy(update={"first_token_seconds": 0.3})


@pytest.mark.parametrize("kind", BAD)
def test_a_worse_package_goes_back_by_itself(
    store: ArtifactStore, triton: TritonServer, use_case: str, kind: str
) -> None:
    good, bad = stand_in(store, "good"), stand_in(store, kind, kind)
    dataset = tiny_dataset(store, rows=10)
    deploy(store, good, run_of(use_case), STRICT)
    with pytest.raises(ModelError, match=f"it was rolled back: .*{REASONS[kind]}"):
        deploy(store, bad, run_of(use_case, 2), STRICT, dataset)

    alias, _ = champion.read_alias(store.bucket, use_case)
    assert alias.champion and alias.champion.package == good
    assert (alias.rollout, alias.leaving) == (None, ())
    assert loaded(triton, good, bad, use_case=use_case) == [True, False]


def test_a_better_package_takes_over_share_by_share(store: ArtifactStore, triton: TritonServer, use_case: str) -> None:
    old, new = stand_in(store, "good"), stand_in(store, "better")
    deploy(store, old, run_of(use_case), QUICK)
    deploy(store, new, run_of(use_case, 2), QUICK, tiny_dataset(store, rows=10))

    alias, _ = champion.read_alias(store.bucket, use_case)
    name = champion.model_name(use_case, new)
    happened = [(one.what, one.share) for one in alias.log if one.model_name == name]
    shares = [("canary", share) for share in QUICK.shares]
    assert happened == [("started", 0), ("probing", 0), *shares, ("promoted", 0)]
    assert [(one.what, one.model_name) for one in alias.log[-1:]] == [("left", champion.model_name(use_case, old))]
    assert loaded(triton, old, new, use_case=use_case) == [False, True]


class Died(BaseException):
    """The deployer's death: nothing that it would have cleaned up is."""


class Mortal:
    """Lets a deployer die right after its `last` effect on the store or on Triton."""

    def __init__(self, patch: pytest.MonkeyPatch, last: int) -> None:
        self.left = last
        for owner, name in ((Bucket, "put_bytes"), (Bucket, "copy"), (TritonClient, "load"), (TritonClient, "unload")):
            patch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def effect(*arguments: Any, **named: Any) -> Any:
            done = act(*arguments, **named)
            self.left -= 1
            if self.left == 0:
                raise Died
            return done

        return effect


def test_a_deployer_that_dies_after_any_effect_leaves_what_the_next_one_finishes(
    store: ArtifactStore, triton: TritonServer, use_case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.inferencing.rollout.ownership.SILENCE_SECONDS", 0.1)
    monkeypatch.setattr("include.inferencing.rollout.ownership.BEAT_SECONDS", 60.0)
    one, other = stand_in(store, "good"), stand_in(store, "better")
    brief = QUICK.model_copy(update={"shares": (0.5,)})
    deploy(store, one, run_of(use_case), brief)
    gates = {ref: gate_of(store, ref) for ref in (one, other)}
    died, day = 0, 2
    while True:
        old, new = (one, other) if died % 2 == 0 else (other, one)
        try:
            with monkeypatch.context() as patch:
                Mortal(patch, died + 1)
                deployment.deploy(store, new, run_of(use_case, day), brief, gates[new])
            break
        except Died:
            died += 1
        alias, _ = champion.read_alias(store.bucket, use_case)
        assert alias.champion and alias.champion.package in (old, new)
        assert loaded(triton, alias.champion.package, use_case=use_case) == [True]
        deployment.deploy(store, new, run_of(use_case, day), brief, gates[new])
        alias, _ = champion.read_alias(store.bucket, use_case)
        assert alias.champion and alias.champion.package == new
        assert (alias.rollout, alias.leaving) == (None, ())
        assert loaded(triton, old, new, use_case=use_case) == [False, True]
    assert died >= 8


def test_a_process_that_is_killed_while_it_loads_is_loaded_again(
    store: ArtifactStore, triton: TritonServer, use_case: str, tmp_path: Path
) -> None:
    once = stand_in(store, "dies once", dies_once=str(tmp_path / "died"))
    assert deploy(store, once, run_of(use_case), QUICK).metrics["deployed"]
    assert (tmp_path / "died").exists() and loaded(triton, once, use_case=use_case) == [True]


@pytest.mark.parametrize(
    ("day", "passed", "reason"), [(3, True, "is newer"), (2, False, "is not passed"), (1, False, "")]
)
def test_a_verdict_stops_a_rollout_unless_it_is_of_an_earlier_moment(
    store: ArtifactStore, triton: TritonServer, use_case: str, day: int, passed: bool, reason: str
) -> None:
    old, new = stand_in(store, "good"), stand_in(store, "better")
    deploy(store, old, run_of(use_case), QUICK)
    rollout = deployment.begun(serving_of(store, use_case, new), run_of(use_case, 2), QUICK)
    transitions.start(store.bucket, rollout)
    run = run_of(use_case, day)
    verdict = champion.Verdict(**dict(run), passed=passed, report=gate_of(store, new, passed=passed), at=now())
    assert champion.judge(store.bucket, use_case, verdict)

    alias = Driver(store, use_case, rollout.owner).drive()
    leave(store, use_case)
    assert alias.champion and alias.champion.package == (old if reason else new)
    if reason:
        assert alias.log[-1].what == "rolled_back" and reason in alias.log[-1].reason


def test_an_earlier_champion_comes_back_and_what_it_replaced_stays_out_until_its_bytes_change(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    good, bad, next_one = (stand_in(store, name) for name in ("good", "regretted", "next"))
    deploy(store, good, run_of(use_case), QUICK)
    deploy(store, bad, run_of(use_case, 2), QUICK)

    assert rollback(store, use_case, QUICK) == champion.model_name(use_case, good)
    alias, _ = champion.read_alias(store.bucket, use_case)
    assert not [one for one in alias.log if one.what == "canary" and one.run_id.startswith("rollback")]
    assert loaded(triton, good, bad, use_case=use_case) == [True, False]
    again = deploy(store, bad, run_of(use_case, 3), QUICK)
    assert again.metrics["deployed"] is False and "took this package out of service" in again.reason
    assert deploy(store, next_one, run_of(use_case, 4), QUICK).metrics["deployed"]
    with pytest.raises(ConfigurationError, match="was never served by it"):
        rollback(store, use_case, QUICK, "unknown-000000000000")

    third = stand_in(store, "third")
    transitions.start(store.bucket, rollout_of(run_of(use_case, 5), serving_of(store, use_case, third)))
    assert rollback(store, use_case, QUICK) == champion.model_name(use_case, next_one)
    assert champion.read_alias(store.bucket, use_case)[0].is_withdrawn(champion.model_name(use_case, third))


def test_the_model_card_lies_beside_what_serves_also_when_it_comes_back(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    def beside(package: ArtifactRef) -> list[bytes]:
        folder = f"{settings().model_repository}/{champion.model_name(use_case, package)}"
        return [store.bucket.get_bytes(f"{folder}/model_card.{kind}")[0] for kind in ("json", "md")]

    described, plain = stand_in(store, "described"), stand_in(store, "plain")
    card = Step(_card, "report").run(store, {"text": "learnt from tickets"}).ref
    run, gate = run_of(use_case), gate_of(store, described)
    deployment.deploy(store, described, run, QUICK, gate=gate, card=card)
    assert beside(described) == [b'{"text": "learnt from tickets"}', b"learnt from tickets"]

    deploy(store, plain, run_of(use_case, 2), QUICK)
    prefix = f"{settings().model_repository}/{champion.model_name(use_case, described)}/"
    store.bucket.delete(list(store.bucket.keys(prefix)))
    rollback(store, use_case, QUICK)
    assert beside(described)[1] == b"learnt from tickets"


def _card(work: Workspace, text: str) -> None:
    (work.output / "model_card.json").write_text(json.dumps({"text": text}))
    (work.output / "model_card.md").write_text(text)


def test_a_person_going_back_is_finished_by_the_next_call_and_undone_by_no_run(
    store: ArtifactStore, triton: TritonServer, use_case: str
) -> None:
    good, bad, third, fourth = (serving_of(store, use_case, stand_in(store, name)) for name in ("good", "b", "c", "d"))
    for day, one in enumerate((good, bad), 1):
        put_in_service(store, run_of(use_case, day), one)
    back = deployment.begun(good, run_of(use_case, 3), QUICK, "back")
    transitions.start(store.bucket, back)
    transitions.release(store.bucket, back)
    refused = transitions.start(store.bucket, rollout_of(run_of(use_case, 28), third))
    assert refused.rollout and refused.rollout.candidate == good
    assert "a person brings" in transitions.refusal(refused, rollout_of(run_of(use_case, 28), third))

    assert rollback(store, use_case, QUICK) == good.model_name
    alias, _ = champion.read_alias(store.bucket, use_case)
    assert alias.is_withdrawn(bad.model_name) and not alias.is_withdrawn(good.model_name)
    with pytest.raises(ConfigurationError, match="no champion before that is not taken out of service"):
        rollback(store, use_case, QUICK)
    for day, one in enumerate((third, fourth), 4):
        put_in_service(store, run_of(use_case, day), one)
    assert rollback(store, use_case, QUICK, good.model_name) == good.model_name


def test_a_rollout_goes_on_for_a_later_run_of_the_same_package_with_its_gate(store: ArtifactStore) -> None:
    use_case, package = "again", stand_in(store, "good")
    first = rollout_of(run_of(use_case, 1), serving_of(store, use_case, package))
    gate = gate_of(store, package, dataset=tiny_dataset(store, rows=10))
    later = first.candidate.model_copy(update={"gate": gate})
    transitions.start(store.bucket, first)
    joined = transitions.start(store.bucket, rollout_of(run_of(use_case, 2), later, owner="later")).rollout
    assert joined and (joined.owner, joined.run_id, joined.candidate) == (first.owner, "day-2", later)
    assert transitions.start(store.bucket, first).rollout == joined
    verdict = champion.Verdict(**dict(run_of(use_case, 2)), passed=True, report=gate, at=now())
    assert champion.judge(store.bucket, use_case, verdict)
    promoted = transitions.promote(store.bucket, first).champion
    assert promoted and champion.serving(promoted) == later
