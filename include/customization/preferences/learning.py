"""What a trainer says beside its loss: whether the better answer is found better, and what answers are rewarded."""

import json
from collections.abc import Mapping
from typing import Any

from include.customization.trainer.course import SUMMARY
from include.distributed.job import Job


def learning(names: Mapping[str, str]) -> Any:
    """A callback that keeps what a trainer logs at its steps; `names` are the metric and the trainer's own name.

    `told` has a list a metric. They are part of the trainer's checkpoints.
    """
    from transformers import TrainerCallback
    from transformers.trainer_callback import ExportableState

    class Learning(TrainerCallback, ExportableState):  # type: ignore[misc]
        """Follows a trainer's log."""

        def __init__(self) -> None:
            self.told: dict[str, list[float]] = {name: [] for name in names}

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.told = state.stateful_callbacks[type(self).__name__]["attributes"]["told"]

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any], **_: Any) -> None:
            # rewards are logged at the steps alone that begin with new answers
            for name, key in names.items():
                if key in logs:
                    self.told[name].append(float(logs[key]))

        def state(self) -> dict[str, Any]:
            return {"args": {}, "attributes": {"told": self.told}}

    return Learning()


def summarize(job: Job, told: Mapping[str, list[float]]) -> None:
    """Add to the job's summary, on rank 0, the first and the last of each: means over a fifth of the steps."""
    if job.rank == 0:
        summary = json.loads((job.results / SUMMARY).read_text())
        for name, values in told.items():
            count = max(1, len(values) // 5)
            summary[f"first_{name}"] = round(sum(values[:count]) / count, 4)
            summary[f"final_{name}"] = round(sum(values[-count:]) / count, 4)
        (job.results / SUMMARY).write_text(json.dumps(summary))
