"""A package for NVIDIA GPUs: safetensors for Triton's vLLM backend."""

import json
from typing import Any

from include.artifacts.step import Workspace
from include.core.errors import ModelError
from include.evaluation.model import LoadedModel
from include.inferencing.config import PackageConfig
from include.inferencing.packaging.adapters import Live, copy_adapter, prompt_embeddings
from include.inferencing.packaging.checks import LORA_RANKS, check_vllm

# The backend hands the paths of model.json to vLLM as they are, and Triton copies a repository of S3 to a folder of
# any name: paths can only be relative, to the folder that this script, which Triton sources before it starts the
# model's process, goes to.
PLACE = "place"
ACTIVATE = 'cd "$(dirname "${BASH_SOURCE[0]}")/../.."\n'
CONFIG = """\
backend: "vllm"
max_batch_size: 0
model_transaction_policy {{ decoupled: true }}
instance_group [ {{ count: 1 kind: {kind} }} ]
parameters {{ key: "REPORT_CUSTOM_METRICS" value {{ string_value: "true" }} }}
parameters {{
  key: "EXECUTION_ENV_PATH"
  value {{ string_value: "$$TRITON_MODEL_DIRECTORY/1/place" }}
}}
"""


def config_of(config: PackageConfig) -> str:
    """config.pbtxt; a model over several GPUs takes them itself."""
    return CONFIG.format(kind="KIND_GPU" if config.vllm.tensor_parallel_size == 1 else "KIND_MODEL")


def lay_out(
    work: Workspace, loaded: LoadedModel, adapters: list[Live], limits: dict[str, Any], config: PackageConfig
) -> dict[str, Any]:
    """1/ with weights, model.json, adapters; what package_info.json tells of soft prompts, beside the engine's own."""
    version = work.output / "1"
    prompts = _prompts(loaded, adapters)
    _save_weights(loaded, version / "weights", config)
    places = {live.name: f"adapters/{live.name}" for live in adapters if live.form == "lora"}
    rank = 0
    for live in adapters:
        if live.name in places:
            copy_adapter(live.folder, version / places[live.name])
            rank = max(rank, int(json.loads((live.folder / "adapter_config.json").read_text())["r"]))
    arguments = engine_arguments(limits, config, rank)
    (version / "model.json").write_text(json.dumps(arguments, indent=1))
    if places:
        (version / "multi_lora.json").write_text(json.dumps(places, indent=1))
    script = version / PLACE / "bin" / "activate"
    script.parent.mkdir(parents=True)
    script.write_text(ACTIVATE)
    check_vllm(version)
    return prompts


def engine_arguments(limits: dict[str, Any], config: PackageConfig, rank: int) -> dict[str, Any]:
    """The content of model.json; `rank`: the largest of the live adapters, 0 where there are none."""
    knobs = config.vllm
    arguments: dict[str, Any] = {
        "model": "weights",
        "tokenizer": "weights",
        "load_format": "safetensors",
        "dtype": knobs.dtype,
        "max_model_len": limits["max_prompt_tokens"] + limits["max_new_tokens"],
        "max_num_seqs": limits["max_sequences"],
        "max_num_batched_tokens": max(knobs.max_num_batched_tokens, limits["max_sequences"]),
        "gpu_memory_utilization": knobs.gpu_memory_utilization,
        "tensor_parallel_size": knobs.tensor_parallel_size,
        "enable_prefix_caching": True,
        "enforce_eager": knobs.enforce_eager,
        "trust_remote_code": False,
        "seed": 0,
    }
    if knobs.quantization:
        arguments["quantization"] = knobs.quantization
    if rank:
        fitting = next((one for one in LORA_RANKS if one >= rank), None)
        if fitting is None:
            raise ModelError("adapters", rank, f"vLLM serves ranks up to {LORA_RANKS[-1]}", "Package it merged")
        arguments |= {"enable_lora": True, "max_loras": knobs.max_loras, "max_lora_rank": fitting}
    return arguments


def _prompts(loaded: LoadedModel, adapters: list[Live]) -> dict[str, Any]:
    """Soft prompts as special tokens: the text to put before a prompt, by name, and the tokens never to be written."""
    from include.evaluation.soft_prompts import add_prompts

    embedded = prompt_embeddings(loaded.model, adapters)
    if not embedded:
        return {"prompts": {}, "barred_tokens": []}
    try:
        found = add_prompts(loaded.model, loaded.tokenizer, embedded)
    except ValueError as error:
        raise ModelError("adapters", list(embedded), str(error), "Use a model without holes in its numbers") from None
    return {
        "prompts": {name: one["text"] for name, one in found["tenants"].items()},
        "barred_tokens": [token for one in found["tenants"].values() for token in one["tokens"]],
    }


def _save_weights(loaded: LoadedModel, folder: Any, config: PackageConfig) -> None:
    import torch

    loaded.model.to(getattr(torch, config.vllm.dtype)).save_pretrained(folder, safe_serialization=True)
    loaded.tokenizer.save_pretrained(folder, save_jinja_files=False)
