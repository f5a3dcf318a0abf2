"""Evaluation of a tiny model: numbers that can be computed another way."""

import json
import math
from dataclasses import astuple
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError, SourceError
from include.evaluation.answers import generate_answers
from include.evaluation.config import EvaluationConfig
from include.evaluation.evaluate import evaluate
from include.evaluation.likelihood import score_answers, score_references, score_texts
from include.evaluation.model import load_model
from include.evaluation.prompt import answer_ids, prompt_ids
from include.evaluation.questions import read_questions
from include.evaluation.statistics import bootstrap_mean, paired_bootstrap
from tests.tiny_model import TEXTS, build_adapter, build_model, tiny_adapter, tiny_dataset, tiny_model

CONFIG = EvaluationConfig(questions=6, answers=3, texts=4, max_new_tokens=8, batch_size=4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    build_model(folder)
    return folder


def test_an_evaluation_measures_and_shows(store: ArtifactStore) -> None:
    model, dataset = tiny_model(store, seed=0), tiny_dataset(store, rows=9)
    manifest = store.manifest(evaluate(store, model=model, dataset=dataset, config=CONFIG))
    rows = [json.loads(line) for line in store.read(manifest.ref, "answers.jsonl").decode().splitlines()]

    assert list(manifest.metrics)[:3] == ["answer_nll", "answer_chrf", "seconds_per_answer"]
    assert (manifest.metrics["questions"], manifest.metrics["answers"], len(rows)) == (6, 3, 6)
    assert [row.get("text_bits_per_char") is None for row in rows] == [False] * 4 + [True] * 2
    low, high = manifest.metrics["intervals"]["text_perplexity"]
    assert low <= manifest.metrics["text_perplexity"] <= high
    assert [row["answer"] is None for row in rows] == [False] * 3 + [True] * 3
    low, high = manifest.metrics["intervals"]["answer_nll"]
    assert low <= manifest.metrics["answer_nll"] <= high
    assert "What does the Python function len do?" in store.read(manifest.ref, "report.html").decode()


@pytest.mark.parametrize("technique", ["", "prompt_tuning", "prefix_tuning"])
def test_a_text_is_scored_as_a_document_of_its_own(base: Path, tmp_path: Path, technique: str) -> None:
    import torch

    if technique:
        build_adapter(tmp_path, base, technique)
    loaded = load_model(base, tmp_path if technique else None, 1)
    end = loaded.tokenizer.eos_token_id

    scores = score_texts(loaded, [*TEXTS, TEXTS[0] * 40], 2, 64)

    for text, score in zip(TEXTS, scores, strict=False):
        ids = [*loaded.soft_prompt, end, *loaded.tokenizer(text, add_special_tokens=False)["input_ids"], end]
        said = range(len(loaded.soft_prompt) + 1, len(ids))
        with torch.inference_mode():
            logits = loaded.model(input_ids=torch.tensor([ids])).logits[0, :, : loaded.vocabulary].log_softmax(-1)
        assert score.nll == pytest.approx(-sum(float(logits[i - 1, ids[i]]) for i in said) / len(said), abs=1e-4)
        assert (score.tokens, score.characters) == (len(said), len(text))
    assert scores[-1].tokens == 64 - 1 - len(loaded.soft_prompt)


def test_an_adapter_changes_the_likelihood(store: ArtifactStore) -> None:
    model, dataset = tiny_model(store, seed=0), tiny_dataset(store, rows=9)
    adapter = tiny_adapter(store, model=model, technique="prompt_tuning")
    plain = store.manifest(evaluate(store, model=model, dataset=dataset, config=CONFIG)).metrics
    tuned = store.manifest(evaluate(store, model=model, dataset=dataset, config=CONFIG, adapter=adapter)).metrics
    assert plain["answer_nll"] != tuned["answer_nll"]


@step("adapter")
def diverged_adapter(work: Workspace, model: ArtifactRef) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    build_adapter(work.output, work.fetch(model), "lora")
    path = work.output / "adapter_model.safetensors"
    save_file({name: torch.full_like(value, torch.nan) for name, value in load_file(path).items()}, path)
    info = {"technique": "lora", "form": "lora", "base": model.digest}
    (work.output / "adapter_info.json").write_text(json.dumps(info))


def test_a_model_without_a_loss_is_named_with_what_to_do(store: ArtifactStore) -> None:
    model, dataset = tiny_model(store, seed=0), tiny_dataset(store, rows=9)
    adapter = diverged_adapter(store, model=model)
    said = r"model = 'lora of tiny-0 \(.*\)': its loss is nan on 6 of 6 reference answers.*lower learning_rate"
    with pytest.raises(ModelError, match=said):
        evaluate(store, model=model, dataset=dataset, config=CONFIG, adapter=adapter)


@pytest.mark.parametrize("technique", ["lora", "prompt_tuning", "p_tuning", "prefix_tuning"])
def test_a_loaded_adapter_computes_what_peft_computes(base: Path, tmp_path: Path, technique: str) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    build_adapter(tmp_path, base, technique)
    loaded = load_model(base, tmp_path, 1)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path)
    prompt, answer = prompt_ids(loaded.tokenizer, TEXTS[0]), answer_ids(loaded.tokenizer, TEXTS[1])
    with torch.inference_mode():
        theirs = adapted.eval()(input_ids=torch.tensor([prompt + answer])).logits[0]
        ours = loaded.model(input_ids=torch.tensor([loaded.soft_prompt + prompt + answer])).logits[0]
    expected = theirs[-len(answer) - 1 : -1].log_softmax(-1)[range(len(answer)), answer].mean()

    assert torch.allclose(ours[..., : loaded.vocabulary], theirs[-len(ours) :], atol=1e-4)
    pairs = [("short", "x"), (TEXTS[0], TEXTS[1]), ("a longer question " * 3, TEXTS[2])]
    score = score_references(loaded, pairs, 3, 512)[1]
    assert math.isclose(score.nll, -float(expected), abs_tol=1e-4)
    assert (score.tokens, score.characters) == (len(answer), len(TEXTS[1]))


@pytest.mark.parametrize("technique", ["lora", "prompt_tuning", "prefix_tuning"])
def test_answers_to_one_question_are_scored_as_each_alone(base: Path, tmp_path: Path, technique: str) -> None:
    build_adapter(tmp_path, base, technique)
    loaded = load_model(base, tmp_path, 1)
    answers = ["x", TEXTS[1], "The made-up code is 1234-5678."]
    together = score_answers(loaded, TEXTS[0], answers, 512)
    alone = [score_references(loaded, [(TEXTS[0], answer)], 1, 512)[0] for answer in answers]
    assert [one.nll for one in together] == pytest.approx([one.nll for one in alone], abs=1e-4)
    assert [one[1:] for one in map(astuple, together)] == [one[1:] for one in map(astuple, alone)]


@pytest.mark.parametrize("technique", ["prompt_tuning", "prefix_tuning"])
def test_a_batch_answers_what_single_questions_answer(base: Path, tmp_path: Path, technique: str) -> None:
    build_adapter(tmp_path, base, technique)
    loaded = load_model(base, tmp_path, 1)
    questions = ["a", "which one is longer?" * 4, TEXTS[0]]
    together = [text for text, _ in generate_answers(loaded, questions, 3, 12, 512)]
    assert together == [generate_answers(loaded, [question], 1, 12, 512)[0][0] for question in questions]


def test_long_texts_are_cut_to_the_context(base: Path) -> None:
    loaded = load_model(base, None, 1)
    score = score_references(loaded, [("long question " * 400, "long answer " * 400)], 1, 10_000)[0]
    assert score.tokens == 512 // 4 and math.isfinite(score.nll)
    assert generate_answers(loaded, ["long question " * 400], 1, 8, 10_000)


@pytest.mark.parametrize(("name", "content"), [("model.safetensors", b"torn"), ("config.json", b"{}")])
def test_a_model_that_cannot_be_loaded_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    build_model(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match="it cannot be loaded"):
        load_model(tmp_path, None, 1)


def test_an_adapter_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="adapter"):
        load_model(base, tmp_path, 1)


def test_a_dataset_without_questions_is_refused(store: ArtifactStore) -> None:
    with pytest.raises(SourceError, match="no held-out question"):
        evaluate(store, model=tiny_model(store, seed=0), dataset=tiny_dataset(store, rows=0), config=CONFIG)


def test_a_sample_of_questions_holds_every_source_and_stays_the_same(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = [f"{source}:{i}" for source in ("docstring", "ticket", "topic") for i in range(40)]
    for name, order in (("one", ids), ("other", ids[::-1])):
        pq.write_table(pa.table({"id": order, "question": order, "answer": order}), tmp_path / name)

    sample = [question.id for question in read_questions(tmp_path / "one", 30)]

    assert {i.split(":")[0] for i in sample} == {"docstring", "ticket", "topic"} and len(sample) == 30
    assert [question.id for question in read_questions(tmp_path / "other", 30)] == sample


def test_the_bootstrap_sees_a_paired_difference() -> None:
    before = [float(i % 7) for i in range(60)]
    after = [value - 0.2 + 0.05 * (i % 3) for i, value in enumerate(before)]
    mean, low, high = paired_bootstrap(before, after, seed=1)
    assert low <= mean <= high < 0
    assert paired_bootstrap(before, after, seed=1) == (mean, low, high)
    _, low, high = bootstrap_mean(before)
    assert low < 3 < high
    with pytest.raises(ConfigurationError):
        paired_bootstrap(before, after[:-1])
    with pytest.raises(ConfigurationError):
        bootstrap_mean([])
