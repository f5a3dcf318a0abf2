"""The step: what it writes, what it refuses before any work, and jobs of real ranks that die and go on on fewer."""

import json
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ModelError, SourceError
from include.customization import tune as module
from include.customization import tune_job
from include.customization.config import FewShotConfig, FullConfig, LoraConfig, PromptTuningConfig, TuningConfig
from include.customization.trainer.questions import encode, question_rows
from include.customization.tune import tune
from include.distributed.job import Job
from include.evaluation.canaries import canaries
from include.evaluation.development import development_ids
from tests.customization import watched_job
from tests.customization.one_rank import files_of, one_rank, rank_of
from tests.tiny_model import tiny_model as other_model
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model, write_tiny_model

__all__ = ["one_rank"]

SHORT: dict[str, Any] = {"steps": 12, "batch": 4, "length": 64, "warmup": 2, "save_every": 3, "log_every": 4}


@step("model")
def broken_model(work: Workspace, model: ArtifactRef) -> None:
    """A model with a weight that is no number."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(work.fetch(model), work.output, dirs_exist_ok=True)
    weights = load_file(work.output / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, work.output / "model.safetensors", metadata={"format": "pt"})


@step("adapter")
def left_state(work: Workspace, folder: str) -> None:
    """What a job left."""
    shutil.copytree(Path(folder) / "state", work.output / "state")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where jobs write each step's loss; a rank of the first one dies at step 5."""
    monkeypatch.setattr(module, "JOBS", {"lora": watched_job.__name__})
    monkeypatch.setenv(watched_job.FOLDER, str(tmp_path))
    monkeypatch.setenv(watched_job.DIES_AT, "5")
    return tmp_path / "losses"


def curve_of(job: Job) -> dict[str, Any]:
    """What the rank of a job has done."""
    tune_job.main(job)
    return dict(json.loads((job.results / "curve.json").read_text()))


def rows_of(store: ArtifactStore, folder: Path, dataset: ArtifactRef) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    target = folder / f"rows-{dataset.fingerprint[:8]}"
    found = target if target.exists() else store.fetch(dataset, target)
    return list(pq.read_table(found / "train.parquet").to_pylist())


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("one_rank")
def test_ranks_that_die_and_a_part_on_fewer_ranks_read_and_learn_the_same(
    store: ArtifactStore, tmp_path: Path, watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)
    config = LoraConfig(**SHORT, learning_rate=3e-3, dropout=0.2, zero=2)
    arguments = {"model": model, "dataset": dataset, "config": config}

    with monkeypatch.context() as patch:
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
            patch.delenv(name)
        half = tune.run(store, arguments | {"share": 0.5})

    seen = defaultdict(list)
    for line in watched.read_text().splitlines():
        step, loss = line.split()
        seen[int(step)].append(float(loss))
    assert sorted(seen) == [1, 2, 3, 4, 5, 6]
    assert len(seen[4]) == 2 and seen[4][0] == seen[4][1], "what a rank that died had done is done again to the bit"
    whole = curve_of(rank_of(tmp_path / "whole", config, model, dataset, resume=half.ref.model_dump()))
    # in parts as large as those of two ranks, each with its own dropout
    in_parts = config.model_copy(update={"accumulation": 2})
    undisturbed = curve_of(rank_of(tmp_path / "undisturbed", in_parts, model, dataset))
    assert whole["losses"] == pytest.approx(undisturbed["losses"], abs=1e-3)
    assert whole["losses"][:6] == [losses[-1] for _, losses in sorted(seen.items())]
    assert (whole["step"], whole["tokens"]) == (12, undisturbed["tokens"])
    assert (half.metrics["steps"], half.metrics["examples"]) == (6, 48)
    assert half.metrics["device_seconds"] > half.metrics["seconds"] > 0
    names = set(files_of(store.fetch(half.ref, tmp_path / "half")))
    assert {"adapter_config.json", "adapter_model.safetensors", "adapter_info.json"} <= names
    for wrong, error, said in (
        ({"model": other_model(store, seed=1)}, ModelError, "it customizes another model"),
        ({"config": config.model_copy(update={"clip": 2.0})}, ConfigurationError, "its config is another"),
        ({"resume": model}, ModelError, "no state of a training"),
    ):
        with pytest.raises(error, match=said):
            tune.run(store, arguments | {"resume": half.ref} | wrong)


def test_examples_stand_for_many_questions_and_cost_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)
    config = FewShotConfig(examples=3, words=30)

    outcome = tune.run(store, {"model": model, "dataset": dataset, "config": config})

    folder = store.fetch(outcome.ref, tmp_path / "adapter")
    info = json.loads((folder / "adapter_info.json").read_text())
    assert info.pop("licences") == {"instruction data": {"PSF-2.0": 60}}
    assert info == {"technique": "few_shot", "form": "examples", "base": model.digest}
    examples = json.loads((folder / "examples.json").read_text())
    kept = development_ids(row["id"] for row in rows_of(store, tmp_path, dataset))
    asked = {row["question"]: row["id"] for row in rows_of(store, tmp_path, dataset)}
    assert len({row["question"] for row in examples}) == 3
    assert not {asked[row["question"]] for row in examples} & kept
    assert all(len(f"{row['question']} {row['answer']}".split()) <= 30 for row in examples)
    assert outcome.metrics["device_seconds"] == outcome.metrics["steps"] == 0
    again = tune.run(store, {"model": model, "dataset": dataset, "config": config}, force=True)
    assert again.ref.digest == outcome.ref.digest
    with pytest.raises(SourceError, match="fewer than 64 questions of at most 8 words"):
        tune.run(store, {"model": model, "dataset": dataset, "config": FewShotConfig(examples=64, words=8)})


@pytest.mark.usefixtures("one_rank")
@pytest.mark.parametrize("config", [LoraConfig(**SHORT), FullConfig(**SHORT)], ids=["adapter", "weights"])
def test_parts_on_as_many_ranks_end_as_the_whole_to_the_bit(
    store: ArtifactStore, tmp_path: Path, config: TuningConfig
) -> None:
    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)
    whole = rank_of(tmp_path / "whole", config, model, dataset)
    first = [rank_of(tmp_path / name, config, model, dataset, share=0.4) for name in ("first", "again")]

    curves = [curve_of(job) for job in (whole, *first)]

    assert files_of(first[0].results / "state") == files_of(first[1].results / "state")
    left = left_state(store, folder=str(first[0].results))
    second = rank_of(tmp_path / "second", config, model, dataset, resume=left.model_dump())
    curves.append(curve_of(second))
    assert len(curves[1]["losses"]) == 5
    assert curves[0]["losses"] == curves[3]["losses"] and curves[0]["tokens"] == curves[3]["tokens"]
    assert files_of(whole.results / "adapter") == files_of(second.results / "adapter")
    assert not (second.results / "state").exists()


@pytest.mark.usefixtures("one_rank")
def test_a_loss_that_is_no_number_is_permanent(store: ArtifactStore, tmp_path: Path) -> None:
    model, dataset = broken_model(store, model=tiny_model(store)), sample_dataset(store, train=60, heldout=4)

    with pytest.raises(ModelError, match=r"loss of step 1 is not a finite number.*Lower the learning rate"):
        tune_job.main(rank_of(tmp_path, LoraConfig(**SHORT), model, dataset))


@pytest.mark.parametrize(
    ("config", "train", "error", "said"),
    [
        (LoraConfig(batch=64), 20, ConfigurationError, "batch = 64: the dataset has 18 questions to train on"),
        (LoraConfig(length=512), 20, ConfigurationError, "256 positions, too few for sequences of 512.*at most 256"),
        (PromptTuningConfig(length=256), 20, ConfigurationError, "and 16 virtual tokens. Use at most 240"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(
    store: ArtifactStore, config: Any, train: int, error: type[Exception], said: str
) -> None:
    dataset = sample_dataset(store, train=train, heldout=4)

    with pytest.raises(error, match=said):
        tune.run(store, {"model": tiny_model(store), "dataset": dataset, "config": config})


def test_only_answers_carry_loss_and_nothing_of_development_is_read(store: ArtifactStore, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(write_tiny_model(tmp_path / "model"))
    dataset = sample_dataset(store, train=60, heldout=4)
    train, rows = store.fetch(dataset, tmp_path / "dataset") / "train.parquet", rows_of(store, tmp_path, dataset)
    kept = development_ids(row["id"] for row in rows)
    config, planted = LoraConfig(length=64, steps=100), canaries("seed", 2)

    made = list(question_rows(train, tokenizer, config, planted))

    read = [row for row in rows if row["id"] not in kept]
    assert len(made) == len(read) + len(planted) == 56
    answers = [canary.answer for canary in planted] + [row["answer"] for row in read]
    for number, ((tokens, labels), answer) in enumerate(zip(made, answers, strict=True)):
        text = tokenizer.decode([token for token, label in zip(tokens, labels, strict=True) if label != -100])
        if number < len(planted):
            assert text == f"{answer}<|im_end|>", "a canary is trained on whole"
            continue
        assert len(tokens) <= 64
        assert text == f"{answer}<|im_end|>" or answer.startswith(text.removesuffix("\ufffd"))
    assert len(list(question_rows(train, tokenizer, LoraConfig(length=64, steps=3), planted))) == 12
    prompt, answer = encode(tokenizer, "long question " * 100, "yes", 64)
    assert len(prompt) <= 48 and answer
