"""The loss on what is not trained on."""

from collections.abc import Iterator
from typing import Any, Protocol

from include.distributed.pulse import WORK


class Validation(Protocol):
    """What is measured on."""

    def batches(self, rank: int, ranks: int) -> Iterator[tuple[str, dict[str, Any], float]]:
        """Name of a kind, tensors with labels, and their weight; equally many and the same kinds for every rank.

        At ZeRO stage 3 the ranks compute each batch together: one that has nothing left repeats one with weight 0.
        """


def validate(engine: Any, validation: Validation, rank: int, ranks: int) -> dict[str, float]:
    """The mean loss of each kind over all ranks, in nats a token; every rank calls it."""
    import torch
    import torch.distributed as dist

    sums: dict[str, torch.Tensor] = {}
    engine.eval()
    with torch.no_grad():
        for name, batch, weight in validation.batches(rank, ranks):
            batch = {key: tensor.to(engine.device) for key, tensor in batch.items()}
            loss = engine(**batch).loss.float()
            WORK.done()
            weights = loss.new_tensor([weight, weight])
            sums[name] = sums.get(name, 0) + torch.stack([loss, torch.ones_like(loss)]) * weights
    engine.train()
    found = {}
    for name, total in sorted(sums.items()):
        dist.all_reduce(total)
        found[name] = float(total[0] / total[1])
    return found
