"""A Hugging Face trainer that reads the same examples in the same order, on any ranks and however often it dies."""

from collections.abc import Iterator
from typing import Any

from include.customization.config import TuningConfig
from include.distributed.batches import examples_at
from include.distributed.engine import Plan


class Order:
    """A sampler: the examples of all steps, one batch after another, shuffled anew each epoch.

    The ranks take their parts of a batch in turns (accelerate's BatchSamplerShard), so that a step reads the same
    examples on any number of ranks; skipping what a resumed trainer has seen reads no data.
    """

    def __init__(self, size: int, config: TuningConfig) -> None:
        self.size, self.seed, self.total = size, config.seed, config.steps * config.batch

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[int]:
        for first in range(0, self.total, self.size):
            yield from examples_at(self.size, self.seed, first, min(self.size, self.total - first))


class Lean:
    """What is done otherwise than in any Hugging Face trainer: the schedule of all jobs, and lean checkpoints."""

    config: TuningConfig

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """Linear warm-up, then a cosine down to a tenth."""
        import torch

        trainer: Any = self
        if trainer.lr_scheduler is None:
            rate = plan_of(self.config).rate
            trainer.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or trainer.optimizer, rate)
            trainer._created_lr_scheduler = True
        return trainer.lr_scheduler

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Nothing in checkpoints: DeepSpeed's own file has what is trained."""
        if not _internal_call:
            super().save_model(output_dir)  # type: ignore[misc]

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: the workflow writes its own."""


class InOrder(Lean):
    """For trainers of a dataset with a length: its examples in `Order`."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Order:
        trainer: Any = self
        return Order(len(train_dataset if train_dataset is not None else trainer.train_dataset), self.config)


def exact(trainer: type[Any], config: TuningConfig, how: type[Lean] = InOrder) -> type[Any]:
    """The class `trainer` of transformers or TRL, made exact for `config`."""
    return type(f"Exact{trainer.__name__}", (how, trainer), {"config": config})


def plan_of(config: TuningConfig) -> Plan:
    """What the distributed loop's meter and schedule know of a training."""
    return Plan(**config.model_dump(include=set(Plan.__dataclass_fields__)))
