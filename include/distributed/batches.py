"""Which examples a training step reads: a pure function of seed and position, so that a resumed job reads the same."""

from math import gcd
from typing import Any, Protocol

import numpy as np

from include.core.errors import ConfigurationError


class Batches(Protocol):
    """What a training loop reads."""

    def part(self, step: int, part: int, parts: int) -> dict[str, Any]:
        """Tensors of one of the `parts` equal parts of a step's batch: input_ids, labels (-100: no loss), ..."""


def examples_at(size: int, seed: int, first: int, count: int) -> list[int]:
    """`count` indices below `size` from position `first` of an endless sequence, shuffled anew each epoch."""
    found: list[int] = []
    while len(found) < count:
        epoch, offset = divmod(first + len(found), size)
        order = np.random.default_rng([seed, epoch]).permutation(size)
        found += [int(index) for index in order[offset : offset + count - len(found)]]
    return found


def examples_of_part(size: int, seed: int, step: int, batch: int, part: int, parts: int) -> list[int]:
    """The indices of one of `parts` equal parts of the batch of `batch` examples that `step` (from 0) reads."""
    share = batch // parts
    return examples_at(size, seed, step * batch + part * share, share)


def micro_batch_of(batch: int, accumulation: int, ranks: int) -> int:
    """Examples that a rank computes at once, where it computes its share in `accumulation` parts."""
    parts = ranks * accumulation
    if batch % parts:
        raise ConfigurationError(
            "batch",
            batch,
            f"it does not divide by {ranks} ranks x {accumulation} accumulated parts",
            f"Use a multiple of {parts}",
        )
    return batch // parts


def accumulation_of(batch: int, micro_batch: int, ranks: int) -> int:
    """Parts in which each of `ranks` computes its share of `batch`, `micro_batch` examples at once or fewer."""
    if batch % ranks:
        raise ConfigurationError(
            "batch",
            batch,
            f"it does not divide by the {ranks} ranks that are there now",
            f"Use a multiple of {ranks}, or set GENAI_TRAINING_RANKS to a divisor of {batch}",
        )
    share = batch // ranks
    return share // gcd(share, micro_batch)
