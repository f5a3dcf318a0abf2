"""What customization made of a model, in each form that is not a PEFT adapter folded in."""

import json
from pathlib import Path

import pytest

from include.core.errors import ModelError
from include.evaluation.likelihood import score_references
from include.evaluation.model import load_model
from include.evaluation.prompt import prompt_ids, prompt_of
from tests.tiny_model import TEXTS, build_model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    build_model(folder)
    return folder


def said(folder: Path, form: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "adapter_info.json").write_text(json.dumps({"technique": "any", "form": form, "base": "0"}))
    return folder


def test_a_folder_of_weights_takes_the_models_place(base: Path, tmp_path: Path) -> None:
    build_model(tmp_path / "tuned", seed=5)
    tuned = load_model(base, said(tmp_path / "tuned", "weights"), 1)

    pairs = [(TEXTS[0], TEXTS[1])]
    assert score_references(tuned, pairs, 1, 512) == score_references(
        load_model(tmp_path / "tuned", None, 1), pairs, 1, 512
    )
    assert score_references(tuned, pairs, 1, 512) != score_references(load_model(base, None, 1), pairs, 1, 512)


def test_examples_are_turns_before_the_question_as_far_as_the_context_reaches(base: Path, tmp_path: Path) -> None:
    folder = said(tmp_path / "few", "examples")
    shots = [{"question": f"number {i}? " + "xyz " * 40, "answer": f"answer {i}"} for i in range(4)]
    (folder / "examples.json").write_text(json.dumps(shots))

    loaded = load_model(base, folder, 1)
    text = loaded.tokenizer.decode(prompt_of(loaded, "the question?", 256, 16))

    assert "number 0?" not in text and "answer 3<|end|>" in text and text.endswith("assistant\n")
    assert text.index("number 3?") < text.index("the question?")
    assert len(prompt_of(loaded, "the question?", 256, 16)) <= loaded.context - 16
    plain = load_model(base, None, 1)
    assert prompt_of(plain, "the question?", 256, 16) == prompt_ids(plain.tokenizer, "the question?")
    pairs = [("the question?", "y")]
    assert score_references(loaded, pairs, 1, 512) != score_references(plain, pairs, 1, 512)


@pytest.mark.parametrize("form", ["examples", "weights", "lora", "magic"])
def test_a_form_without_its_files_is_named(base: Path, tmp_path: Path, form: str) -> None:
    with pytest.raises(ModelError, match="adapter"):
        load_model(base, said(tmp_path / "broken", form), 1)
