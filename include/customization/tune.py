"""Customize a model on the dataset's questions and answers by LoRA or prompt tuning, under DeepSpeed."""

import json
import shutil
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import SourceError
from include.customization import tune_job
from include.customization.config import LoraConfig, PromptTuningConfig
from include.distributed.engine import RESOURCES
from include.distributed.launch import run_job
from include.distributed.loop import CURVE


@step("adapter", resources=RESOURCES)
def tune(work: Workspace, model: ArtifactRef, dataset: ArtifactRef, config: LoraConfig | PromptTuningConfig) -> None:
    """Write a plain PEFT folder and adapter_info.json.

    SourceError where the dataset has no training question; ModelError where the model cannot be loaded.
    """
    base = work.fetch(model)
    train = work.fetch(dataset, only="train.parquet") / "train.parquet"
    pairs = _pairs(train)
    questions = work.folder / "questions.json"
    questions.write_text(json.dumps(pairs))
    spec = {"config": config.model_dump(), "model": str(base), "questions": str(questions)}
    results = run_job(work, tune_job.__name__, spec)
    shutil.copytree(results / "adapter", work.output, dirs_exist_ok=True)
    info = {"technique": config.technique, "base": model.digest}
    (work.output / "adapter_info.json").write_text(json.dumps(info, indent=1))
    summary = json.loads((results / tune_job.SUMMARY).read_text())
    _describe(work, config, json.loads((results / CURVE).read_text()), summary | {"questions": len(pairs)})


def _pairs(path: Any) -> list[tuple[str, str]]:
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=["question", "answer"]).to_pydict()
    if not rows["question"]:
        raise SourceError("train.parquet", 0, "no question to train on", "Look at the data card of data_preparation")
    return list(zip(rows["question"], rows["answer"], strict=True))


def _describe(
    work: Workspace, config: LoraConfig | PromptTuningConfig, curve: dict[str, Any], summary: dict[str, Any]
) -> None:
    losses = curve["losses"]
    tail = losses[-max(1, len(losses) // 5) :]
    work.metrics["technique"] = config.technique
    work.metrics["trained_parameters"] = summary["trained_parameters"]
    work.metrics["final_loss"] = round(sum(tail) / len(tail), 4)
    work.metrics |= {"first_loss": round(losses[0], 4), "steps": curve["step"], "tokens": curve["tokens"], **summary}
    work.metrics["seconds_per_step"] = round(curve["seconds"] / max(1, curve["step"]), 3)
    (
        Report(f"Customization: {config.technique}")
        .table(["figure", "value"], list(work.metrics.items()))
        .curve([(step + 1, loss) for step, loss in enumerate(losses)], "Loss a step, nats a token of the answers")
        .table(["knob", "value"], list(config.model_dump().items()), "Configuration")
        .write(work.output)
    )
