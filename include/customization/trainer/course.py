"""The course of one training: what it has done, where it stops, and its checkpoints in the store."""

import json
import logging
import math
import shutil
from pathlib import Path
from typing import Any

from include.core.errors import ModelError
from include.customization.config import TuningConfig
from include.customization.trainer.exact import plan_of
from include.customization.trainer.saved import SavedTrainers
from include.distributed.job import Job
from include.distributed.loop import CURVE
from include.distributed.meter import Meter, Progress

PROGRESS, STATE, SUMMARY = "progress.json", "state", "summary.json"


def train(job: Job, trainer: Any, config: TuningConfig, *, share: float = 1.0, resume: Path | None = None) -> Progress:
    """Train from this job's newest checkpoint on, else from the `state/` that `resume` is, else from the beginning.

    Stops after `share` of the steps, the schedule being that of all, and then leaves the trainer's state in
    `job.results / "state"`. Rank 0 writes curve.json and summary.json. ModelError where a loss is not finite.
    """
    import torch
    from transformers import PrinterCallback

    # dropout differs between the ranks; a resumed rank goes on with the random numbers of its checkpoint
    torch.manual_seed(config.seed * 1000 + job.rank)
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    trainer.remove_callback(PrinterCallback)
    last = max(1, round(share * config.steps))
    saved = SavedTrainers(job, (step for step in range(1, config.steps + 1) if plan_of(config).saves_at(step)))
    start = saved.newest() or resume
    course = Course(job, config, _progress(start), last, saved)
    earlier = course.progress.seconds
    trainer.add_callback(_callback(course))
    trainer.train(resume_from_checkpoint=str(start) if start else None)
    if job.rank == 0:
        (job.results / CURVE).write_text(json.dumps(vars(course.progress)))
        summary = _summary(job, trainer) | {"steps": course.progress.step - _progress(resume).step}
        (job.results / SUMMARY).write_text(json.dumps(summary | {"earlier_seconds": earlier}))
    return course.progress


def _summary(job: Job, trainer: Any) -> dict[str, Any]:
    from transformers.trainer_pt_utils import get_model_param_count

    return {
        "trained_parameters": get_model_param_count(trainer.model, trainable_only=True),
        "examples": len(trainer.train_dataset),
        "ranks": job.ranks,
        "on_gpu": trainer.args.device.type == "cuda",
    }


class Course:
    """Follows a trainer. Every rank calls every method."""

    def __init__(self, job: Job, config: TuningConfig, progress: Progress, last: int, saved: SavedTrainers) -> None:
        self.job, self.config, self.progress, self.last, self.saved = job, config, progress, last, saved
        self.meter = Meter(plan_of(config), progress)

    def began(self) -> None:
        """What happened before the first step is no training time."""
        self.meter = Meter(plan_of(self.config), self.progress)

    def stepped(self, step: int, loss: float, tokens: int) -> None:
        """Take over a step's loss and the tokens of all steps; ModelError where the loss is not finite."""
        if not math.isfinite(loss):
            raise ModelError(
                "learning_rate",
                loss,
                f"the loss of step {step} is not a finite number",
                "Lower the learning rate or look at the data; a retry computes the same",
            )
        self.progress.step = step
        self.progress.tokens = tokens
        self.progress.losses.append(loss)
        if self.job.rank == 0:
            self.meter.tick()

    def save(self, folder: Path) -> None:
        """Commit the trainer's checkpoint; where the training stops early, leave it to what resumes from there."""
        self.meter.stop()
        early = self.last < self.config.steps and self.progress.step == self.last
        if self.job.rank == 0:
            # the time that a training took is no part of what it leaves
            told = vars(self.progress) | ({"seconds": 0.0} if early else {})
            (folder / PROGRESS).write_text(json.dumps(told))
        if early:
            self.saved.leave(folder, self.job.results / STATE)
        else:
            self.saved.commit(folder, self.progress.step)
        self.meter.stop()


def _progress(folder: Path | None) -> Progress:
    return Progress(**json.loads((folder / PROGRESS).read_text())) if folder else Progress()


def _callback(course: Course) -> Any:
    from transformers import TrainerCallback

    class Follows(TrainerCallback):  # type: ignore[misc]
        """Tells the course of its trainer's events."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            course.began()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= course.last:
                control.should_training_stop = control.should_save = True

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                course.stepped(state.global_step, float(logs["loss"]), int(state.num_input_tokens_seen))
            # the curve holds them; a checkpoint would grow with each step
            state.log_history.clear()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            course.save(folder)
            shutil.rmtree(folder, ignore_errors=True)

    return Follows()
