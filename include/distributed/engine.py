"""DeepSpeed's engine for a model and a plan of its training."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.core.errors import ConfigurationError

ZERO2 = Path(__file__).with_name("zero2.json")


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train. `batch` is the examples a step, over all ranks and accumulated parts."""

    steps: int
    batch: int
    accumulation: int
    learning_rate: float
    warmup: int
    weight_decay: float
    clip: float
    seed: int
    log_every: int
    save_every: int

    def rate(self, step: int) -> float:
        """The learning rate's factor at `step` (from 0): linear warm-up, then a cosine down to a tenth."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))

    def saves_at(self, step: int) -> bool:
        """Whether a checkpoint follows the first `step` steps."""
        return step == self.steps or step % self.save_every == 0


def build_engine(model: Any, plan: Plan, ranks: int) -> Any:
    """The engine that trains those parameters of `model` that require gradients; the ranks are connected."""
    import deepspeed
    import torch

    parts = ranks * plan.accumulation
    if plan.batch % parts:
        raise ConfigurationError(
            "batch",
            plan.batch,
            f"it does not divide by {ranks} ranks x {plan.accumulation} accumulated parts",
            f"Use a multiple of {parts}",
        )
    config = json.loads(ZERO2.read_text())
    config["train_batch_size"] = plan.batch
    config["train_micro_batch_size_per_gpu"] = plan.batch // parts
    config["gradient_accumulation_steps"] = plan.accumulation
    config["gradient_clipping"] = plan.clip
    config["optimizer"]["params"] |= {"lr": plan.learning_rate, "weight_decay": plan.weight_decay}
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    engine, *_ = deepspeed.initialize(
        model=model,
        model_parameters=trained,
        config=config,
        lr_scheduler=lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, plan.rate),
    )
    return engine
