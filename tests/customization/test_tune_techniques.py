"""Every technique that trains lowers the loss of a tiny model, goes on bitwise after it died, and is loaded again."""

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
from include.customization.trainer.course import Course
from include.customization.trainer.questions import trained_pairs
from include.evaluation.canaries import planted
from include.evaluation.likelihood import score_references
from include.evaluation.model import LoadedModel, load_model
from tests.customization.one_rank import files_of, one_rank, rank_of
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model

__all__ = ["one_rank"]

SHORT = {"steps": 12, "batch": 4, "length": 64, "warmup": 2, "save_every": 5, "learning_rate": 3e-2}
TECHNIQUES = {
    "full": (FullConfig(**SHORT), "weights"),
    "lora": (LoraConfig(**SHORT, rank=4), "lora"),
    "dora": (DoraConfig(**SHORT, rank=4), "lora"),
    "qlora": (QloraConfig(**SHORT, rank=4), "lora"),
    "prompt_tuning": (PromptTuningConfig(**SHORT | {"learning_rate": 1.0, "steps": 24}), "soft_prompt"),
    "p_tuning": (PTuningConfig(**SHORT, hidden_size=32), "soft_prompt"),
    "prefix_tuning": (PrefixTuningConfig(**SHORT), "prefix"),
    "continued_pretraining": (ContinuedPretrainingConfig(**SHORT, accumulation=2), "weights"),
}


class Died(BaseException):
    """What ends a rank of these tests: nothing catches it."""


def dies_at(patch: pytest.MonkeyPatch, step: int) -> None:
    stepped = Course.stepped

    def trapped(course: Course, at: int, loss: float, tokens: int) -> None:
        if at == step:
            course.start.checkpoints.close()
            raise Died
        stepped(course, at, loss, tokens)

    patch.setattr(Course, "stepped", trapped)


def loss_of(loaded: LoadedModel, pairs: list[tuple[str, str]]) -> float:
    scores = score_references(loaded, pairs, 16, 64)
    return sum(score.nll for score in scores) / len(scores)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("one_rank")
@pytest.mark.parametrize(("config", "form"), TECHNIQUES.values(), ids=TECHNIQUES)
def test_a_technique_lowers_the_loss_dies_goes_on_and_is_loaded(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, config: TuningConfig, form: str
) -> None:
    caplog.set_level("INFO")
    model, dataset = tiny_model(store), sample_dataset(store, train=60, heldout=4)
    job = rank_of(tmp_path / "undisturbed", config, model, dataset)

    tune_job.main(job)

    adapter, base = job.results / "adapter", job.fetch(model)
    info = json.loads((adapter / "adapter_info.json").read_text())
    assert (info["technique"], info["form"], info["base"]) == (config.technique, form, model.digest)
    assert len(planted(info)) == config.canaries
    pairs = list(trained_pairs(job.fetch(dataset, only="train.parquet") / "train.parquet"))
    assert loss_of(load_model(base, adapter, 1), pairs) < loss_of(load_model(base, None, 1), pairs)

    disturbed = {"name": f"disturbed {config.technique}"}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
        dies_at(patch, 8)
        tune_job.main(rank_of(tmp_path / "died", config, model, dataset, **disturbed))
    again = rank_of(tmp_path / "again", config, model, dataset, **disturbed)
    tune_job.main(again)

    assert "goes on after step 5" in caplog.text
    curves = [json.loads((one.results / "curve.json").read_text()) for one in (job, again)]
    assert curves[0]["losses"] == curves[1]["losses"] and curves[0]["tokens"] == curves[1]["tokens"] > 0
    assert curves[0]["losses"][-1] < curves[0]["losses"][0]
    assert files_of(adapter) == files_of(again.results / "adapter")
