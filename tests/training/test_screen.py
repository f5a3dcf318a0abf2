"""Candidates of each source, held against a charter before any is loaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError, SourceError
from include.training.config import FolderCandidate
from include.training.import_pretrained import import_pretrained
from include.training.screen import screen
from tests.training.hand_made import hand_made_charter
from tests.training.tiny_model import write_tiny_model

# as torch counts them of the tiny model
PARAMETERS = 30_784
CHARTER = {
    "limits": {"licences": ["MIT", "Apache-2.0"], "max_parameters": 10**9, "budget": 100},
    "demand": {"prompt_tokens": 100, "answer_tokens": 50},
    "model": {"parameters": 100_000, "weight_bytes": 1.0},
    "sizing": {"training_cost": 1.0, "replica_memory_gb": 1.0},
}


def held(store: ArtifactStore, candidates: dict[str, Any], **charter: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    content = {name: part | charter.get(name, {}) for name, part in CHARTER.items()}
    arguments = {"candidates": candidates, "charter": hand_made_charter(store, content=content)}
    outcome = screen.run(store, arguments)
    rows = {row["candidate"]: row for row in json.loads(store.read(outcome.ref, "screening.json"))}
    return rows, outcome


def folder(path: Path, **changes: Any) -> dict[str, Any]:
    return {"source": "folder", "folder": str(path), "name": "tiny", "license": "MIT"} | changes


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def test_what_is_within_the_limits_goes_on_and_the_rest_says_why(
    store: ArtifactStore, tiny: Path, tmp_path: Path
) -> None:
    pickled = write_tiny_model(tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    foreign = write_tiny_model(tmp_path / "foreign")
    config = json.loads((foreign / "config.json").read_text())
    (foreign / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModelForCausalLM": "evil.Model"}}))
    candidates = {
        "good": folder(tiny),
        "unlicensed": folder(tiny, license="CC-BY-NC-4.0"),
        "pickled": folder(pickled),
        "foreign": folder(foreign),
    }

    rows, outcome = held(store, candidates)

    assert outcome.metrics["candidates"] == ["good"] and outcome.metrics["passed"]
    assert (rows["good"]["context"], rows["good"]["parameters"]) == (256, PARAMETERS)
    assert "licence CC-BY-NC-4.0 is not among MIT, Apache-2.0" in rows["unlicensed"]["reason"]
    assert "its weights are a pickle (pytorch_model.bin)" in rows["pickled"]["reason"]
    assert "code of its own" in rows["foreign"]["reason"]
    assert "a pickle" in store.read(outcome.ref, "report.html").decode()


@pytest.mark.parametrize(
    ("charter", "reason"),
    [
        ({"limits": {"max_parameters": 10_000}}, f"{PARAMETERS:,} parameters, over the limit of 10,000"),
        (
            {"demand": {"prompt_tokens": 200, "answer_tokens": 57}},
            "context of 256 tokens, and question and answer take 257",
        ),
        ({"sizing": {"replica_memory_gb": 1e-5}}, "GB of weights"),
        (
            {"sizing": {"training_cost": 1000.0}},
            f"training it once would cost {PARAMETERS / 100:.2f}, over the budget of 100.00",
        ),
    ],
    ids=["size", "context", "memory", "budget"],
)
def test_each_limit_of_the_charter_counts(
    store: ArtifactStore, tiny: Path, charter: dict[str, Any], reason: str
) -> None:
    rows, outcome = held(store, {"good": folder(tiny)}, **charter)

    assert reason in rows["good"]["reason"]
    assert outcome.metrics["passed"] is False and outcome.metrics["candidates"] == []
    assert reason in outcome.metrics["verdict"], "none is left: the run stops, and says why"


def test_a_folder_that_changes_is_looked_at_again(store: ArtifactStore, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "model")
    assert not held(store, {"one": folder(path)})[0]["one"]["reason"]
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8}))
    assert "context of 8 tokens" in held(store, {"one": folder(path)})[0]["one"]["reason"]


def test_a_package_is_screened_by_what_is_said_of_it(store: ArtifactStore) -> None:
    package = {"source": "package", "package": "a==1", "sha256": "0" * 64, "member": "a/b.gguf"}
    package |= {"name": "packed", "license": "MIT"}
    rows, _ = held(store, {"unknown": package, "small": package | {"parameters": 10, "context": 10}})
    assert rows["unknown"]["parameters"] is None and not rows["unknown"]["reason"]
    assert rows["small"]["reason"].startswith("context of 10 tokens")


def test_a_model_of_the_store_is_found_by_the_beginning_of_its_fingerprint(store: ArtifactStore, tiny: Path) -> None:
    known_model = import_pretrained(store, config=FolderCandidate(**folder(tiny)))
    assert store.manifest(known_model).metrics["parameters"] == PARAMETERS
    named = {"source": "store", "artifact": f"{known_model.step}/{known_model.fingerprint[:10]}"}
    rows, _ = held(store, {"own": named})
    assert (rows["own"]["name"], rows["own"]["context"], rows["own"]["reason"]) == ("tiny", 256, "")
    with pytest.raises(SourceError, match="the store has no such model"):
        held(store, {"own": {"source": "store", "artifact": f"{known_model.step}/{'0' * 12}"}})
    with pytest.raises(SourceError, match="it has no champion"):
        held(store, {"own": {"source": "store", "champion_of": "nobody"}})


def test_what_is_not_there_or_damaged_is_an_error_and_no_exclusion(
    store: ArtifactStore, tiny: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        held(store, {"one": folder(tmp_path / "missing")})
    torn = write_tiny_model(tmp_path / "torn")
    (torn / "model.safetensors").write_bytes((torn / "model.safetensors").read_bytes()[:100])
    with pytest.raises(ModelError, match="not a model that can be loaded"):
        held(store, {"one": folder(torn)})


def test_the_hub_is_not_asked_where_it_may_not_be(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub = {"source": "hub", "repository": "a/b", "revision": "0" * 40, "name": "b", "license": "MIT"}
    with pytest.raises(ConfigurationError, match="GENAI_READ_HUB=true"):
        held(store, {"one": hub})
