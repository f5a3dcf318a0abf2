"""The course of one training: what it has done, what it says of it, and its checkpoints in the store."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from include.customization.trainer.start import STATE, Start, write_left
from include.distributed.loop import CURVE, require_finite
from include.distributed.meter import Meter, Progress

PROGRESS, SUMMARY = "progress.json", "summary.json"
# the time that a training took is no part of what it leaves
UNTIMED: dict[str, Any] = {"seconds": 0.0, "speeds": []}
_log = logging.getLogger("genai.distributed.job")


def train(start: Start, trainer: Any) -> Progress:
    """Train from `start` to its last step. Rank 0 writes curve.json and summary.json.

    Where that is not the last of all steps, the trainer's state is left in `job.results / "state"`, from which another
    job goes on as if none had stopped. ModelError where a loss is not finite, or a checkpoint is of another model.
    """
    from transformers import PrinterCallback

    job, found = start.job, start.found
    folder = start.checkpoints.restore(trainer.model, found, start.config.zero)
    course = Course(start, _progress(folder))
    earlier = course.progress.seconds
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_callback(course, trainer))
    if found and job.rank == 0:
        _log.info("goes on after step %d%s", found.step, ", where another job stopped" if found is start.left else "")
    trainer.train(resume_from_checkpoint=str(folder) if folder else None)
    start.checkpoints.close()
    if start.last < start.config.steps:
        _leave(start)
    if job.rank == 0:
        (job.results / CURVE).write_text(json.dumps(vars(course.progress)))
        steps = course.progress.step - (start.left.step if start.left else 0)
        summary = _summary(start, trainer) | {"steps": steps, "earlier_seconds": earlier}
        (job.results / SUMMARY).write_text(json.dumps(summary))
    return course.progress


class Course:
    """Follows a trainer. Every rank calls every method."""

    def __init__(self, start: Start, progress: Progress) -> None:
        self.start, self.progress = start, progress
        self.meter: Meter | None = None

    def began(self, engine: Any) -> None:
        """What happened before the first step is no training time."""
        self.meter = Meter(self.start.job, replace(self.start.plan, steps=self.start.last), self.progress, engine)

    def stepped(self, step: int, loss: float, tokens: int) -> None:
        """Take over a step's loss and the tokens of all steps; ModelError where the loss is not finite."""
        assert self.meter
        require_finite(loss, step)
        self.progress.step, self.progress.tokens = step, tokens
        self.progress.losses.append(loss)
        self.start.checkpoints.check()
        self.meter.stop()
        if self.start.job.rank == 0:
            self.meter.tick()
        self.meter.resume()

    def save(self, model: Any, folder: Path) -> None:
        """Commit the trainer's checkpoint, while it goes on."""
        assert self.meter
        if self.start.job.rank == 0:
            (folder / PROGRESS).write_text(json.dumps(vars(self.progress)))
        self.start.checkpoints.save(model, folder, self.progress.step, self.start.facts)
        self.meter.resume()


def _progress(folder: Path | None) -> Progress:
    return Progress(**json.loads((folder / PROGRESS).read_text())) if folder else Progress()


def _leave(start: Start) -> None:
    """Give the owner the last checkpoint: all ranks' files of it, whatever their hosts."""
    found = start.checkpoints.newest()
    if start.job.rank == 0 and found:
        target = start.job.results / STATE
        write_left(found, target)
        (target / PROGRESS).write_text(json.dumps(vars(_progress(found.folder)) | UNTIMED))


def _summary(start: Start, trainer: Any) -> dict[str, Any]:
    from transformers.trainer_pt_utils import get_model_param_count

    return {
        "trained_parameters": get_model_param_count(trainer.model, trainable_only=True),
        "examples": len(trainer.train_dataset),
        "ranks": start.job.ranks,
        "on_gpu": trainer.args.device.type == "cuda",
    }


def _callback(course: Course, trainer: Any) -> Any:
    from transformers import TrainerCallback

    class Follows(TrainerCallback):  # type: ignore[misc]
        """Tells the course of its trainer's events."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            course.began(trainer.model_wrapped)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step >= course.start.last:
                control.should_save = True

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            if "loss" in logs:
                course.stepped(state.global_step, float(logs["loss"]), int(state.num_input_tokens_seen))
            # the curve holds them; a checkpoint would grow with each step
            state.log_history.clear()

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            course.save(trainer.model, folder)
            if args.local_process_index == 0:
                shutil.rmtree(folder)

    return Follows()
