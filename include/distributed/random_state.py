"""The random numbers of a rank: DeepSpeed's checkpoints do not hold them."""

from typing import Any


def random_state() -> dict[str, Any]:
    """Where the generators of this process are."""
    import random

    import numpy as np
    import torch

    state = {"torch": torch.get_rng_state(), "python": random.getstate(), "numpy": np.random.get_state()}
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Go on from where `random_state` was taken."""
    import random

    import numpy as np
    import torch

    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def seed_rank(seed: int, rank: int, step: int = 0) -> None:
    """New random numbers for a rank that begins at `step` without those of a checkpoint."""
    import random

    import numpy as np
    import torch

    number = int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number)
