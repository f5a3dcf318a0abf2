"""How long, how fast and on what a model is trained."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What a loop follows. `batch` is the examples a step, over all ranks and accumulated parts."""

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
    validate_every: int = 0
    """Steps between two measurements of the validation loss; 0: none."""
    zero: int = 2
    offload: str = "none"
    """none, optimizer, or parameters (and the optimizer)."""
    deepspeed: dict[str, Any] | None = None
    """A DeepSpeed configuration in place of what zero and offload name."""
    precision: str = "auto"
    """bf16, fp32, or auto: bf16 on a GPU."""
    activation_checkpointing: bool = False
    compile: bool = False
    kernels: str = "torch"
    """liger, torch, or auto: Liger's where there is a GPU and they are installed."""

    def rate(self, step: int) -> float:
        """The learning rate's factor at `step` (from 0): linear warm-up, then a cosine down to a tenth."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))

    def saves_at(self, step: int) -> bool:
        """Whether a checkpoint follows the first `step` steps."""
        return step == self.steps or step % self.save_every == 0

    def validates_at(self, step: int) -> bool:
        """Whether the validation loss is measured after the first `step` steps."""
        return self.validate_every > 0 and (step == self.steps or step % self.validate_every == 0)
