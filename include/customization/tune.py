"""Customize a model on a dataset by one technique."""

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError, ModelError, SourceError
from include.customization import dpo_job, grpo_job, tune_job
from include.customization.config import AnyTechnique, FewShotConfig, GrpoConfig, TuningConfig
from include.customization.few_shot import choose_examples
from include.customization.trainer.base import require_room
from include.customization.trainer.course import SUMMARY
from include.customization.trainer.devices import devices_of
from include.customization.trainer.forms import ADAPTER, adapter_info
from include.customization.trainer.questions import trained_pairs, trained_rows
from include.customization.trainer.start import STATE
from include.distributed.engine import RESOURCES
from include.distributed.launch import run_job
from include.distributed.loop import CURVE
from include.evaluation.model import INFO
from include.evaluation.trained_on import LICENCES, PAIRS, TRAIN, file_read, licences_read
from include.feedback.said import RECORDS

TRAINING = "training.json"
# techniques that are not supervised have jobs of their own
JOBS: Mapping[str, str] = MappingProxyType({"dpo": dpo_job.__name__, "grpo": grpo_job.__name__})


@step("adapter", resources=RESOURCES)
def tune(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    config: AnyTechnique,
    preferences: ArtifactRef | None = None,
    reward_model: ArtifactRef | None = None,
    resume: ArtifactRef | None = None,
    share: float = 1.0,
) -> None:
    """Write what the technique makes of the model, and adapter_info.json: technique, form, base, canaries, licences.

    `share` stops after that share of the steps and leaves in `state/` what `resume` goes on from, as if it had not
    stopped. metrics: losses in nats a token of the answers, `tokens` and `steps` of the whole training, `seconds` of
    steps and `device_seconds` from the job's start of this part alone, rows as `examples`.
    SourceError where the dataset is too small; ConfigurationError where `resume` is of another training, or a sequence
    is longer than the model's context; ModelError where the model cannot be loaded or trained.
    """
    train = work.fetch(dataset, only=TRAIN) / TRAIN
    if isinstance(config, FewShotConfig):
        _write_examples(work, train, config)
        info = adapter_info(config.technique, model.digest)
        (work.output / INFO).write_text(json.dumps(info, indent=1))
    else:
        require_room(work.fetch(model, only="config.json"), config)
        if config.technique not in ("continued_pretraining", "dpo"):
            _require_questions(train, config)
        training: dict[str, Any] = {"config": config.model_dump(), "base": model.digest, "dataset": dataset.digest}
        learnt = {"preferences": preferences, "reward_model": reward_model}
        training |= {name: ref.digest if ref else None for name, ref in learnt.items()}
        if resume:
            _require_same(work, resume, training)
        refs = {"model": model, "dataset": dataset, "resume": resume} | learnt
        spec: dict[str, Any] = {name: ref.model_dump() if ref else None for name, ref in refs.items()}
        spec |= {"config": config.model_dump(), "canaries": dataset.digest, "share": share}
        _train(work, config, spec, training)
    _tell_licences(work, config, dataset, preferences, reward_model)


def _tell_licences(
    work: Workspace,
    config: AnyTechnique,
    dataset: ArtifactRef,
    preferences: ArtifactRef | None,
    reward_model: ArtifactRef | None,
) -> None:
    """Add to adapter_info.json under which licences all stands that was read, by a reward model too."""
    file = file_read(config.technique)
    source = preferences if file == PAIRS and preferences else dataset
    found = licences_read(work.store, [(source, file)])
    if isinstance(config, GrpoConfig) and config.rewarded_by_model and reward_model:
        found |= json.loads(work.store.read(reward_model, INFO))[LICENCES]
    info = json.loads((work.output / INFO).read_text())
    (work.output / INFO).write_text(json.dumps(info | {LICENCES: found}, indent=1))


def _train(work: Workspace, config: TuningConfig, spec: dict[str, Any], training: dict[str, Any]) -> None:
    """Run the technique's job; its adapter, the state that it left, and its figures."""
    started = time.monotonic()
    entry = JOBS.get(config.technique, tune_job.__name__)
    results = run_job(work, entry, spec, batch=config.batch, smaller_micro_batch=config.smaller_micro_batch)
    shutil.copytree(results / ADAPTER, work.output, dirs_exist_ok=True)
    if (results / STATE).exists():
        shutil.copytree(results / STATE, work.output / STATE)
        (work.output / STATE / TRAINING).write_text(json.dumps(training, indent=1))
    summary = json.loads((results / SUMMARY).read_text())
    held = time.monotonic() - started + summary.pop("earlier_seconds")
    _describe(work, config, json.loads((results / CURVE).read_text()), summary, held)


def _write_examples(work: Workspace, train: Path, config: FewShotConfig) -> None:
    # what one tenant says stands before nobody else's questions
    rows = (row for row in trained_rows(train) if not row[0].startswith(RECORDS))
    pairs = choose_examples(((question, answer) for _, question, answer in rows), config)
    examples = [{"question": question, "answer": answer} for question, answer in pairs]
    (work.output / "examples.json").write_text(json.dumps(examples, ensure_ascii=False, indent=1), encoding="utf-8")
    work.metrics |= {"technique": config.technique, "examples": len(examples), "trained_parameters": 0}
    work.metrics |= {"steps": 0, "tokens": 0, "seconds": 0.0, "device_seconds": 0.0}
    Report("Customization: few_shot").table(["question", "answer"], pairs, "Before every question").write(work.output)


def _require_questions(train: Path, config: TuningConfig) -> None:
    """SourceError where there is nothing to train on, ConfigurationError where a step would read a question twice."""
    count = sum(1 for _ in trained_pairs(train))
    if not count:
        raise SourceError(TRAIN, 0, "no question to train on", "Look at the data card of data_preparation")
    answers = config.group if isinstance(config, GrpoConfig) else 1
    if config.batch > count * answers:
        raise ConfigurationError(
            "batch", config.batch, f"the dataset has {count} questions to train on", f"Use at most {count * answers}"
        )


def _require_same(work: Workspace, resume: ArtifactRef, training: dict[str, Any]) -> None:
    """ModelError or ConfigurationError where the state in `resume` is not of this very training."""
    folder = work.fetch(resume, only=f"{STATE}/") / STATE
    if not (folder / TRAINING).exists():
        raise ModelError("resume", str(resume), "it has no state of a training", "Resume what stopped at a share")
    before = json.loads((folder / TRAINING).read_text())
    if before["base"] != training["base"]:
        raise ModelError("resume", str(resume), "it customizes another model", "Resume on the model it began with")
    for name in ("dataset", "config", "preferences", "reward_model"):
        if before.get(name) != training[name]:
            raise ConfigurationError("resume", str(resume), f"its {name} is another", f"Give the {name} it began with")


def _describe(
    work: Workspace, config: TuningConfig, curve: dict[str, Any], summary: dict[str, Any], held: float
) -> None:
    losses = curve["losses"]
    tail = losses[-max(1, len(losses) // 5) :]
    ranks, steps = summary.pop("ranks"), summary.pop("steps")
    devices = devices_of(ranks, on_gpu=summary.pop("on_gpu"))
    work.metrics |= {"technique": config.technique, "trained_parameters": summary.pop("trained_parameters")}
    work.metrics |= {"final_loss": round(sum(tail) / len(tail), 4), "first_loss": round(losses[0], 4)}
    work.metrics |= {"steps": curve["step"], "tokens": curve["tokens"], "seconds": round(curve["seconds"], 3)}
    work.metrics |= {"device_seconds": round(held * devices, 3), **summary}
    work.metrics["seconds_per_step"] = round(curve["seconds"] / max(1, steps), 3)
    (
        Report(f"Customization: {config.technique}")
        .table(["figure", "value"], list(work.metrics.items()))
        .curve([(step + 1, loss) for step, loss in enumerate(losses)], "Loss a step, nats a token of the answers")
        .table(["knob", "value"], list(config.model_dump().items()), "Configuration")
        .write(work.output)
    )
