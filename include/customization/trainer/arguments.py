"""A configuration as the arguments of a Hugging Face trainer."""

import json
from typing import Any

from include.core.errors import ConfigurationError
from include.customization.config import TuningConfig
from include.distributed.engine import ZERO2
from include.distributed.job import Job


def training_arguments(job: Job, config: TuningConfig, kind: type[Any], **more: Any) -> Any:
    """An object of `kind` (transformers' TrainingArguments, TRL's SFTConfig, DPOConfig, ...) for this rank's trainer.

    `more` are arguments of that kind. ConfigurationError where the batch does not divide by the ranks.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    arguments = {
        "output_dir": str(job.scratch / "trainer"),
        "max_steps": config.steps,
        "per_device_train_batch_size": micro_batch(config, job.ranks),
        "gradient_accumulation_steps": config.accumulation,
        "learning_rate": config.learning_rate,
        "adam_beta2": 0.95,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.clip,
        "seed": config.seed,
        "save_steps": config.save_every,
        "logging_steps": 1,
        "include_num_input_tokens_seen": "non_padding",
        # a loss that is not finite has to be seen
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "warning",
        "use_cpu": not on_gpu,
        # an adapter stays in fp32 beside a base in bf16; where all weights are trained, ZeRO keeps fp32 copies
        "bf16": on_gpu and config.zero >= 2,
        "gradient_checkpointing": config.recompute,
        "dataloader_pin_memory": on_gpu,
        "ddp_timeout": 600,
        "deepspeed": deepspeed_settings(config),
    }
    return kind(**(arguments | more))


def micro_batch(config: TuningConfig, ranks: int) -> int:
    """Examples that one rank computes at once; ConfigurationError where `batch` does not divide into such parts."""
    parts = ranks * config.accumulation
    if config.batch % parts:
        raise ConfigurationError(
            "batch",
            config.batch,
            f"it does not divide by {ranks} ranks x {config.accumulation} accumulated parts",
            f"Use a multiple of {parts}",
        )
    return config.batch // parts


def deepspeed_settings(config: TuningConfig) -> dict[str, Any]:
    """DeepSpeed's own JSON; the trainer fills in what it knows."""
    found: dict[str, Any] = json.loads(ZERO2.read_text())
    del found["optimizer"]
    found["zero_optimization"] = found["zero_optimization"] | {"stage": config.zero} if config.zero else {"stage": 0}
    return found | {
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "bf16": {"enabled": "auto"},
    }
