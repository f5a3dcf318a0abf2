"""A configuration as the arguments of a Hugging Face trainer."""

from typing import Any

from include.customization.trainer.start import Start
from include.distributed.engine import engine_config


def training_arguments(start: Start, kind: type[Any], **more: Any) -> Any:
    """An object of `kind` (transformers' TrainingArguments, TRL's SFTConfig, DPOConfig, ...) for this rank's trainer.

    `more` are arguments of that kind. Made before the model is loaded: ZeRO 3 divides it while it is.
    """
    import torch

    config, on_gpu = start.config, torch.cuda.is_available()
    deepspeed = engine_config(start.plan, start.job.ranks)
    if start.found and start.checkpoints.universal(start.found, config.zero):
        deepspeed["checkpoint"] = {"load_universal": True}
    arguments = {
        "output_dir": str(start.job.scratch / "trainer"),
        "max_steps": start.last,
        "per_device_train_batch_size": start.micro_batch,
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
        "bf16": "bf16" in deepspeed,
        "gradient_checkpointing": config.activation_checkpointing,
        "dataloader_pin_memory": on_gpu,
        "ddp_timeout": 600,
        "deepspeed": deepspeed,
    }
    return kind(**(arguments | more))
