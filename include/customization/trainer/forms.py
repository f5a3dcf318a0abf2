"""What a customized model is written as: adapter_info.json names the form, by which it is loaded again."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from include.distributed.job import Job
from include.evaluation.canaries import told
from include.evaluation.model import INFO

ADAPTER = "adapter"
# in adapter_info.json: whether no text was trained on that could be learnt by heart
TEXTLESS = "textless"
LORA, SOFT_PROMPT, PREFIX, WEIGHTS, EXAMPLES, REWARD = "lora", "soft_prompt", "prefix", "weights", "examples", "reward"
FORMS: Mapping[str, str] = MappingProxyType(
    {
        "few_shot": EXAMPLES,
        "full": WEIGHTS,
        "lora": LORA,
        "dora": LORA,
        "qlora": LORA,
        "prompt_tuning": SOFT_PROMPT,
        "p_tuning": SOFT_PROMPT,
        "prefix_tuning": PREFIX,
        "continued_pretraining": WEIGHTS,
        "dpo": LORA,
        "grpo": LORA,
        "reward_model": REWARD,
    }
)


def write_form(job: Job, trainer: Any, base: Path, planted: int | None = 0) -> None:
    """Write to `job.results / "adapter"` what was trained: a PEFT folder or a whole model's, and adapter_info.json.

    `planted` is the number of the dataset's canaries that were among what was trained on, None where no text was that
    could be learnt by heart. Every rank calls it.
    """
    from peft import PeftModel

    model, folder = trainer.model, job.results / ADAPTER
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if job.rank != 0:
        return
    if isinstance(model, PeftModel):
        # the path of this job's copy of the base would make equal adapters differ
        model.peft_config["default"].base_model_name_or_path = ""
        model.save_pretrained(folder, state_dict=state)
    else:
        _write_weights(model, state, base, folder)
    (folder / "README.md").unlink(missing_ok=True)
    info = adapter_info(job.spec["config"]["technique"], job.spec["model"]["digest"])
    info |= {TEXTLESS: True} if planted is None else told(job.spec["canaries"], planted) if planted else {}
    (folder / INFO).write_text(json.dumps(info, indent=1))


def adapter_info(technique: str, base: str) -> dict[str, Any]:
    """What adapter_info.json says of a technique and the digest of the model that it customized."""
    return {"technique": technique, "form": FORMS[technique], "base": base}


def _write_weights(model: Any, state: dict[str, Any], base: Path, folder: Path) -> None:
    """The weights as exactly as the base's are stored, with its tokenizer."""
    from transformers import AutoConfig

    stored = AutoConfig.from_pretrained(base, local_files_only=True).dtype or model.dtype
    model.config.dtype = stored
    model.save_pretrained(folder, state_dict={name: tensor.to(stored) for name, tensor in state.items()})
    for path in base.iterdir():
        if path.name.startswith(("tokenizer", "special_tokens", "chat_template", "vocab", "merges")):
            shutil.copyfile(path, folder / path.name)
