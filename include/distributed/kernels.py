"""What makes a model faster or smaller without changing what it computes: compiled layers, fused kernels."""

import logging
from importlib.util import find_spec
from typing import Any

from include.core.errors import PrerequisiteError
from include.distributed.plan import Plan

_log = logging.getLogger("genai.distributed.job")


def use_kernels(model: Any, plan: Plan) -> None:
    """Prepare a transformers model in place, as its plan says.

    PrerequisiteError where Liger's kernels are asked for by name and cannot be had.
    """
    if plan.activation_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        # inputs of a frozen base otherwise end the graph
        model.enable_input_require_grads()
    if _liger(plan):
        from transformers.integrations.liger import apply_liger_kernel

        apply_liger_kernel(model, None)
        _log.info("fused kernels: Liger")
    if plan.compile:
        # layer by layer: one compilation serves all, and attention stays free to pick its own kernel
        kinds = set(getattr(model, "_no_split_modules", None) or ())
        for module in model.modules():
            if type(module).__name__ in kinds:
                module.compile()


def _liger(plan: Plan) -> bool:
    import torch

    gpu, installed = torch.cuda.is_available(), find_spec("liger_kernel") is not None
    if plan.kernels == "liger" and not (gpu and installed):
        missing = "liger-kernel is not installed" if gpu else "there is no NVIDIA GPU"
        raise PrerequisiteError(
            "kernels", "liger", missing, "Install the dependency group gpu of pyproject.toml, or use kernels: torch"
        )
    return plan.kernels != "torch" and gpu and installed
