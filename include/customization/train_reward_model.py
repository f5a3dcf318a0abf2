"""Train a model that scores answers as people, or references, prefer them."""

import json
import shutil
import time
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.customization import reward_job
from include.customization.config import RewardModelConfig
from include.customization.preferences.wanted import rewarded_by_model
from include.customization.trainer.course import SUMMARY
from include.customization.trainer.devices import devices_of
from include.customization.trainer.forms import ADAPTER, adapter_info
from include.distributed.engine import RESOURCES
from include.distributed.launch import run_job
from include.distributed.loop import CURVE
from include.evaluation.model import INFO
from include.evaluation.trained_on import LICENCES, licences_read


def observed(_: ArtifactStore, customization: dict[str, Any], **__: object) -> dict[str, Any]:
    """Whether anything chosen is rewarded by a model."""
    return {"wanted": bool(rewarded_by_model(customization))}


@step("adapter", resources=RESOURCES, observes=observed, through=("customization",))
def train_reward_model(
    work: Workspace,
    model: ArtifactRef,
    preferences: ArtifactRef,
    customization: dict[str, Any],
    config: RewardModelConfig,
) -> None:
    """A PEFT folder with a head that scores answers (form reward), trained under DeepSpeed.

    `customization` is the use case's section as JSON; where nothing chosen in it is rewarded by a model, there is
    adapter_info.json alone. metrics: accuracy, the share of pairs whose better answer gets the higher score, at the
    first and the last fifth of the steps; losses; device_seconds since its start. ModelError where the model cannot
    be loaded or trained.
    """
    wanted = rewarded_by_model(customization)
    work.metrics |= {"technique": config.technique, "trained": bool(wanted)}
    if not wanted:
        info = adapter_info(config.technique, model.digest) | {"trained": False}
        (work.output / INFO).write_text(json.dumps(info, indent=1))
        Report("Reward model").text("No chosen technique is rewarded by a model: none is trained.").write(work.output)
        return
    started = time.monotonic()
    spec = {"model": model.model_dump(), "preferences": preferences.model_dump(), "config": config.model_dump()}
    results = run_job(
        work, reward_job.__name__, spec, batch=config.batch, smaller_micro_batch=config.smaller_micro_batch
    )
    shutil.copytree(results / ADAPTER, work.output, dirs_exist_ok=True)
    info = json.loads((work.output / INFO).read_text())
    info[LICENCES] = licences_read(work.store, [(preferences, reward_job.PAIRS)])
    (work.output / INFO).write_text(json.dumps(info, indent=1))
    curve, summary = (json.loads((results / name).read_text()) for name in (CURVE, SUMMARY))
    losses, held = curve["losses"], time.monotonic() - started + summary["earlier_seconds"]
    devices = devices_of(summary["ranks"], on_gpu=summary["on_gpu"])
    work.metrics |= {name: summary[name] for name in ("first_accuracy", "final_accuracy", "final_margin")}
    work.metrics |= {"first_loss": round(losses[0], 4), "final_loss": round(losses[-1], 4), "steps": curve["step"]}
    work.metrics |= {"pairs": summary["examples"], "seconds": round(curve["seconds"], 3)}
    work.metrics["device_seconds"] = round(held * devices, 3)
    (
        Report("Reward model")
        .text(f"For {', '.join(wanted)}. No canary is planted: it gives a number, no text.")
        .table(["figure", "value"], list(work.metrics.items()))
        .curve([(step + 1, loss) for step, loss in enumerate(losses)], "Loss a step")
        .table(["knob", "value"], list(config.model_dump().items()), "Configuration")
        .write(work.output)
    )
