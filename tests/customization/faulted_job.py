"""Jobs of techniques, as long and saved as often as whoever kills them says; what they read is noted in a file."""

from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

from include.customization import dpo_job, grpo_job, reward_job, tune_job
from include.distributed.job import Job

UNSUPERVISED = {"dpo": dpo_job, "grpo": grpo_job, "reward_model": reward_job}


def main(job: Job) -> None:
    told = job.spec["config"]
    told |= {name: job.spec[name] for name in ("steps", "save_every")}
    _note_reads(job, Path(job.spec["reads"]))
    import_module(UNSUPERVISED.get(told["technique"], tune_job).__name__).main(job)


def _note_reads(job: Job, path: Path) -> None:
    """A line for what a rank computes at once: the step, the first one's place in the batch, a sum of each example."""
    from transformers import Trainer

    computes, parts = Trainer.training_step, dict[int, int]()

    def noted(self: Any, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        step, sums = self.state.global_step, _sums(inputs)
        part = parts[step] = parts.get(step, -1) + 1
        first = (part * job.ranks + job.rank) * len(sums)
        with path.open("ab", buffering=0) as file:
            file.write(f"{step} {first} {' '.join(map(str, sums))}\n".encode())
        return computes(self, model, inputs, *more, **named)

    Trainer.training_step = noted


def _sums(inputs: Any) -> list[int]:
    if isinstance(inputs, list):
        return [crc32(repr(sorted(one.items())).encode()) for one in inputs]
    tensors = [value for _, value in sorted(inputs.items()) if hasattr(value, "numpy")]
    return [crc32(b"".join(one.numpy().tobytes() for one in row)) for row in zip(*tensors, strict=True)]
