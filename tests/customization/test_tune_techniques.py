"""Every technique that trains lowers the loss of a tiny model, and what it wrote is loaded as what it trained."""

import json
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.customization import tune_job
from include.customization.config import (
    ContinuedPretrainingConfig,
    DoraConfig,
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    QloraConfig,
    TuningConfig,
)
from include.customization.trainer.questions import trained_pairs
from include.evaluation.canaries import planted
from include.evaluation.likelihood import score_references
from include.evaluation.model import LoadedModel, load_model
from tests.customization.one_rank import one_rank, rank_of
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model

__all__ = ["one_rank"]

SHORT = {"steps": 20, "batch": 4, "length": 64, "warmup": 2, "save_every": 20, "learning_rate": 2e-2}
PEFT = {"adapter_config.json", "adapter_model.safetensors"}
TECHNIQUES = {
    "full": (FullConfig(**SHORT), "weights"),
    "lora": (LoraConfig(**SHORT, rank=4), "lora"),
    "dora": (DoraConfig(**SHORT, rank=4), "lora"),
    "qlora": (QloraConfig(**SHORT, rank=4), "lora"),
    "prompt_tuning": (PromptTuningConfig(**SHORT | {"learning_rate": 0.3, "steps": 60}), "soft_prompt"),
    "p_tuning": (PTuningConfig(**SHORT, hidden_size=32), "soft_prompt"),
    "prefix_tuning": (PrefixTuningConfig(**SHORT), "prefix"),
    "continued_pretraining": (ContinuedPretrainingConfig(**SHORT), "weights"),
}


def loss_of(loaded: LoadedModel, pairs: list[tuple[str, str]]) -> float:
    scores = score_references(loaded, pairs, 16, 64)
    return sum(score.nll for score in scores) / len(scores)


@pytest.mark.timeout(120)
@pytest.mark.usefixtures("one_rank")
@pytest.mark.parametrize(("config", "form"), TECHNIQUES.values(), ids=TECHNIQUES)
def test_a_technique_lowers_the_loss_and_is_loaded_again(
    store: ArtifactStore, tmp_path: Path, config: TuningConfig, form: str
) -> None:
    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)
    job = rank_of(tmp_path, config, model, dataset)

    tune_job.main(job)

    adapter, base = job.results / "adapter", job.fetch(model)
    info = json.loads((adapter / "adapter_info.json").read_text())
    assert (info["technique"], info["form"], info["base"]) == (config.technique, form, model.digest)
    assert len(planted(info)) == config.canaries
    pairs = list(trained_pairs(job.fetch(dataset, only="train.parquet") / "train.parquet"))
    before, after = loss_of(load_model(base, None, 1), pairs), loss_of(load_model(base, adapter, 1), pairs)
    losses = json.loads((job.results / "curve.json").read_text())["losses"]
    assert after < before and losses[-1] < losses[0]
