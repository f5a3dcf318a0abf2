"""A Hugging Face trainer that reads the same examples in the same order, on any ranks and however often it dies."""

from collections.abc import Iterator
from typing import Any

from include.customization.trainer.start import Start
from include.distributed.batches import examples_at
from include.distributed.pulse import WORK
from include.distributed.random_state import seed_part


class Order:
    """A sampler: the examples of all steps, one batch after another, shuffled anew each epoch.

    The ranks take their parts of a batch in turns (accelerate's BatchSamplerShard), so that a step reads the same
    examples on any number of ranks; skipping what a resumed trainer has seen reads no data.
    """

    def __init__(self, size: int, start: Start) -> None:
        self.size, self.seed, self.total = size, start.config.seed, start.last * start.config.batch

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[int]:
        for first in range(0, self.total, self.size):
            yield from examples_at(self.size, self.seed, first, min(self.size, self.total - first))


class Lean:
    """What is done otherwise than in any Hugging Face trainer: random numbers, the schedule, and lean checkpoints."""

    start: Start
    _at, _micro = -1, 0

    def training_step(self, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        """With random numbers of this part of the batch, whichever rank computes it."""
        step, job = self.state.global_step, self.start.job  # type: ignore[attr-defined]
        self._at, self._micro = step, self._micro + 1 if step == self._at else 0
        WORK.done()
        seed_part(self.start.config.seed, step, self._micro * job.ranks + job.rank)
        return super().training_step(model, inputs, *more, **named)  # type: ignore[misc]

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The schedule of all steps, wherever this part of them stops."""
        import torch

        trainer: Any = self
        if trainer.lr_scheduler is None:
            rate = self.start.plan.rate
            trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or trainer.optimizer, rate)
            trainer._created_lr_scheduler = True
        return trainer.lr_scheduler

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Nothing in checkpoints: DeepSpeed's own file has what is trained."""
        if not _internal_call:
            super().save_model(output_dir)  # type: ignore[misc]

    def _save_rng_state(self, output_dir: str) -> None:
        """Nothing: random numbers depend on the step alone."""

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Nothing, as nothing was saved."""

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the workflow writes its own."""


class InOrder(Lean):
    """For trainers of a dataset with a length: its examples in `Order`."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        trainer: Any = self
        return Order(len(train_dataset if train_dataset is not None else trainer.train_dataset), self.start)


def exact(trainer: type[Any], start: Start, how: type[Lean] = InOrder) -> type[Any]:
    """The class `trainer` of transformers or TRL, made exact from `start` on."""
    return type(f"Exact{trainer.__name__}", (how, trainer), {"start": start})
