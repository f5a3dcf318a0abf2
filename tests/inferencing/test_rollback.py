"""Going back, and telling how a rollout ended, while others change the alias in between. No server is needed."""

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.inferencing import deploy as deployment
from include.inferencing import rollback as going_back
from include.inferencing.champion import Alias, Rollout, Serving, read_alias
from include.inferencing.deploy import begun, roll_out
from include.inferencing.rollback import rollback
from include.inferencing.rollout import transitions
from tests.faults.serving.packages import stand_in
from tests.gates import gate_of, put_in_service, rollout_of, serving_of
from tests.inferencing.conftest import QUICK, run_of


@pytest.fixture(autouse=True)
def _nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (going_back, deployment):
        monkeypatch.setattr(module, "leave", lambda *_: None)


def at_once(store: ArtifactStore, rollout: Rollout) -> tuple[None, str]:
    """A rollout whose candidate answers everywhere."""
    transitions.start(store.bucket, rollout)
    transitions.promote(store.bucket, rollout)
    return None, ""


def test_what_was_promoted_before_it_was_called_off_is_gone_back_from(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = "promoted-meanwhile"
    good, regretted = (serving_of(store, use_case, stand_in(store, name)) for name in ("good", "regretted"))
    put_in_service(store, run_of(use_case), good)
    rollout = rollout_of(run_of(use_case, 2), regretted)
    transitions.start(store.bucket, rollout)
    call_off = transitions.call_off

    def late(bucket: Bucket, name: str, candidate: Serving) -> Alias:
        transitions.promote(bucket, rollout)
        return call_off(bucket, name, candidate)

    monkeypatch.setattr(transitions, "call_off", late)
    monkeypatch.setattr(going_back, "roll_out", at_once)
    assert rollback(store, use_case, QUICK) == good.model_name
    alias, _ = read_alias(store.bucket, use_case)
    assert alias.champion and alias.champion.model_name == good.model_name
    assert alias.is_withdrawn(regretted.model_name)


def test_what_went_back_before_it_was_called_off_is_out_of_service(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = "back-meanwhile"
    first, good, regretted = (serving_of(store, use_case, stand_in(store, name)) for name in ("1", "good", "regretted"))
    for day, one in enumerate((first, good), 1):
        put_in_service(store, run_of(use_case, day), one)
    rollout = rollout_of(run_of(use_case, 3), regretted)
    transitions.start(store.bucket, rollout)
    call_off = transitions.call_off

    def late(bucket: Bucket, name: str, candidate: Serving) -> Alias:
        transitions.roll_back(bucket, rollout, "it fails")
        return call_off(bucket, name, candidate)

    monkeypatch.setattr(transitions, "call_off", late)
    assert rollback(store, use_case, QUICK) == good.model_name
    alias, _ = read_alias(store.bucket, use_case)
    assert alias.champion and alias.champion.model_name == good.model_name
    assert alias.is_withdrawn(regretted.model_name)


def test_a_person_takes_the_place_of_a_run_that_rolls_the_same_package_out(store: ArtifactStore) -> None:
    use_case = "same-package"
    serves, wanted = (serving_of(store, use_case, stand_in(store, name)) for name in ("serves", "wanted"))
    put_in_service(store, run_of(use_case), serves)
    runs = rollout_of(run_of(use_case, 2), wanted, owner="run")
    transitions.start(store.bucket, runs)
    transitions.advance(store.bucket, runs, "canary", 0.5)
    persons = rollout_of(run_of(use_case, 1), wanted, owner="person", kind="back")
    for _ in range(2):
        assert transitions.start(store.bucket, persons).rollout == persons
    assert transitions.roll_back(store.bucket, runs, "worse").rollout == persons
    assert transitions.start(store.bucket, runs).rollout == persons

    alias = transitions.promote(store.bucket, persons)
    assert alias.champion and alias.champion.model_name == wanted.model_name
    assert alias.is_withdrawn(serves.model_name)


def test_how_a_rollout_ended_is_told_whatever_the_clocks_of_two_machines_say(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_case = "clocks"
    package = stand_in(store, "refused")
    candidate = serving_of(store, use_case, package)
    refused = candidate.model_copy(update={"gate": gate_of(store, package, passed=False)})
    for _ in range(3):
        put_in_service(store, run_of(use_case), candidate)
        put_in_service(store, run_of(use_case), serving_of(store, use_case, stand_in(store, "good")))
    monkeypatch.setattr(transitions, "now", lambda: "2026-01-01T00:00:00+00:00")
    monkeypatch.setattr(transitions, "MOST_TRANSITIONS", 4)
    with pytest.raises(ModelError, match=r"it was rolled back: .*gate"):
        roll_out(store, begun(refused, run_of(use_case, 2), QUICK))
