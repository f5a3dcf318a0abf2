"""Random numbers of training: a function of what is computed, so that no checkpoint has to hold them."""


def seed_part(seed: int, step: int, part: int) -> None:
    """New random numbers for one part of a step's batch, the same on whatever rank and however often it is computed."""
    import random

    import numpy as np
    import torch

    number = int(np.random.SeedSequence([seed, step, part]).generate_state(1)[0])
    torch.manual_seed(number)
    random.seed(number)
    np.random.seed(number)
