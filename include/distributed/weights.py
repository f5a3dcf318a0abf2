"""A model's weights and how many they are, wherever DeepSpeed has put them."""

from typing import Any, NamedTuple


class Size(NamedTuple):
    """Numbers of parameters."""

    parameters: int
    trained: int


def size(model: Any) -> Size:
    """How many parameters a model has, and how many of them are trained; at ZeRO stage 3 too."""
    counts = [(_count(parameter), parameter.requires_grad) for parameter in model.parameters()]
    return Size(sum(count for count, _ in counts), sum(count for count, trained in counts if trained))


def gathered(engine: Any, rank: int) -> dict[str, Any] | None:
    """The state dict of an engine's model in the host's memory of rank 0, and None elsewhere; every rank calls it.

    At ZeRO stage 3 no rank has all of a model: parameters are collected one after another.
    """
    if not engine.zero_optimization_partition_weights():
        return dict(engine.module.state_dict()) if rank == 0 else None
    import deepspeed

    state: dict[str, Any] = {}
    copies: dict[int, Any] = {}
    kept = engine.module.state_dict().keys()
    for name, parameter in engine.module.named_parameters(remove_duplicate=False):
        if id(parameter) not in copies:
            with deepspeed.zero.GatheredParameters([parameter]):
                copies[id(parameter)] = parameter.detach().cpu().clone() if rank == 0 else None
        if name in kept:
            # tied weights stay one tensor, so that they are saved once
            state[name] = copies[id(parameter)]
    return state if rank == 0 else None


def _count(parameter: Any) -> int:
    return int(getattr(parameter, "ds_numel", None) or parameter.numel())
