"""Checkpoints are pickles, which run what they name when they are loaded: what they may name."""

from pathlib import Path

from include.core.errors import ModelError

_PICKLED = (".pt", ".pth", ".bin")
# DeepSpeed's own, beside what torch holds for safe: they hold values and run nothing
_NAMES = frozenset(
    {
        "deepspeed.runtime.fp16.loss_scaler.LossScaler",
        "deepspeed.runtime.zero.config.ZeroStageEnum",
        "deepspeed.utils.tensor_fragment.fragment_address",
    }
)


def require_plain(folder: Path) -> None:
    """ModelError where a checkpoint names anything but tensors and the values of an optimizer's state.

    DeepSpeed loads its files by an unrestricted pickle: call this before it sees them. The names are read, not run.
    """
    import torch

    for path in sorted(folder.rglob("*")):
        if path.suffix not in _PICKLED:
            continue
        try:
            foreign = set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - _NAMES
        except Exception as error:
            raise _refused(path, str(error)) from error
        if foreign:
            raise _refused(path, f"it names {', '.join(sorted(foreign))}")


def _refused(path: Path, why: str) -> ModelError:
    return ModelError(
        path.name,
        why[:300],
        "a checkpoint holds what this project's training does not write, and loading it could run it",
        "Find out who writes to the bucket, and run the step with force_rerun",
    )
