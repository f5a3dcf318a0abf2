"""What is damaged or refused is left out of a copy, and nothing else is."""

import json
from collections.abc import Callable

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.history import History
from include.artifacts.store import ArtifactStore
from include.core.errors import ServerUnavailableError
from include.distributed.meter import CURVES
from include.inferencing import champion
from include.tracking.copy_runs import Copied, copy_runs
from tests.conftest import ObjectStoreServer
from tests.tracking.made_runs import run_workflow
from tests.tracking.small_mlflow import SmallMlflow

CASES = ("a", "b", "c")
TUNE, GATE = "customization.rung_1.tune", "customization.gate"


@pytest.fixture
def copied(object_store_server: ObjectStoreServer, request: pytest.FixtureRequest) -> ArtifactStore:
    """A store of the test's own, with a run of three use cases."""
    bucket = f"copied-{abs(hash(request.node.name))}"
    Bucket(object_store_server.address(bucket=bucket)).ensure()
    store = object_store_server.store(bucket=bucket)
    for use_case in CASES:
        run_workflow(store, use_case, "manual__1")
    return store


def put_curves(store: ArtifactStore, told: object) -> None:
    """Change what the first training of use case b told."""
    ref = next(record for record in History(store.bucket).records("b", TUNE) if record.place.map_index == 0).ref
    store.bucket.put_bytes(CURVES.format(step=ref.step, fingerprint=ref.fingerprint), json.dumps(told).encode())


def change_gate(store: ArtifactStore, changed: Callable[[str], str]) -> None:
    """Change the record of use case b's gate."""
    key = next(record for record in History(store.bucket).records("b", GATE)).place.key
    store.bucket.put_bytes(key, changed(store.bucket.get_bytes(key)[0].decode()).encode())


def copy(store: ArtifactStore, mlflow: SmallMlflow) -> tuple[Copied, list[str]]:
    told: list[str] = []
    with mlflow.server() as server:
        done = copy_runs(store, server, lambda *_: "", tell_of=told.append)
    return done, [line for line in told if "left out" in line]


def test_a_damaged_champion_a_damaged_record_and_a_refused_name_stop_no_other_copy(copied: ArtifactStore) -> None:
    copied.bucket.put_bytes(champion.document(copied.bucket, "a").key, b"no json")
    change_gate(copied, lambda text: text.replace('"at": "', '"at": "some day '))
    mlflow = SmallMlflow()
    done, left_out = copy(copied, mlflow)
    assert done == Copied(runs=2, versions=2, complete=False)
    assert [line.partition(" is left out")[0] for line in left_out] == ["a: its champion", "b: run manual__1"]
    assert "aliases/a/champion.json" in left_out[0]
    assert [list(mlflow.of(use_case)) for use_case in CASES] == [["manual__1"], [], ["manual__1"]]

    done, left_out = copy(copied, refusing := SmallMlflow(refused="a"))
    assert left_out[0].startswith("a is left out")
    assert (done.complete, list(refusing.of("c"))) == (False, ["manual__1"])


def test_what_is_no_finite_number_is_left_out_of_a_run(copied: ArtifactStore) -> None:
    validations = [[1, {"chat": float("nan")}], [2, {"chat": 2.5}]]
    put_curves(copied, {"losses": [[1, float("inf")], [2, 3.0]], "validations": validations})
    change_gate(copied, lambda text: text.replace('"difference": -0.4', f'"difference": {10**400}, "kept": {10**200}'))
    mlflow = SmallMlflow()
    assert copy(copied, mlflow) == (Copied(runs=3, versions=3), [])
    told = set(mlflow.of("b", "part")["tune lora"]["metrics"])
    assert {one for one in told if "loss" in one[0] and one[1]} == {("loss", 2, 3.0), ("validation_loss.chat", 2, 2.5)}
    gate = {key: value for key, _, value in mlflow.of("b")["manual__1"]["metrics"] if key.startswith(GATE)}
    assert gate == {f"{GATE}.passed": True, f"{GATE}.kept": 1e200}


@pytest.mark.parametrize("told", ([1, 2], {"losses": 3}, {"losses": [[1, "much"]]}, {"validations": [[1, 2.5]]}))
def test_a_run_is_copied_without_curves_that_are_damaged_and_says_so(copied: ArtifactStore, told: object) -> None:
    put_curves(copied, told)
    mlflow = SmallMlflow()
    assert copy(copied, mlflow) == (Copied(runs=3, versions=3), [])
    parts = mlflow.of("b", "part")
    assert ".curves.json" in parts["tune lora"]["tags"]["genai.left_out"]
    assert "genai.left_out" not in parts["tune dora"]["tags"]
    assert ("loss", 3, 2.5) in parts["tune dora"]["metrics"]


def test_a_server_that_goes_away_ends_the_copy_at_its_first_request_without_answer(copied: ArtifactStore) -> None:
    mlflow = SmallMlflow(most=9)
    with pytest.raises(ServerUnavailableError):
        copy(copied, mlflow)
    assert len(mlflow.asked) == 10
