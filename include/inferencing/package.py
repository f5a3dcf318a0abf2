"""Lay out a model, with what customized it, as a folder that Triton serves."""

import json
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.core.settings import settings
from include.evaluation.model import LoadedModel, load_model
from include.inferencing.config import PackageConfig
from include.inferencing.packaging import openvino, vllm
from include.inferencing.packaging.adapters import DEFAULT, Live, keep_adapter, live_adapters
from include.inferencing.packaging.checks import check_config, check_template, special_tokens
from include.inferencing.packaging.licences import licence_chain, write_licences


@step("package", resources=openvino.RESOURCES)
def package(
    work: Workspace,
    model: ArtifactRef,
    config: PackageConfig,
    adapter: ArtifactRef | None = None,
    tenants: list[ArtifactRef] | None = None,
    names: list[str] | None = None,
    gates: list[ArtifactRef] | None = None,
) -> None:
    """A Triton model folder (config.pbtxt, 1/), package_info.json and LICENSES/.

    `adapter` is what customized the model: in its weights, or beside them where the configuration says live.
    `tenants` are further adapters of the same model, LoRA or soft prompts, each chosen by its name of `names`, each
    with the report of its gate in `gates`: without one the package is not deployed.
    """
    source = work.fetch(model)
    main = adapter if adapter and _beside(work, adapter, config) else None
    if tenants and adapter and not main:
        raise ConfigurationError(
            "inferencing.package.adapter",
            config.adapter,
            "adapters of tenants were learned on the base, not on one with another adapter in it",
            "Set it to live, or package the tenants without an adapter",
        )
    live = live_adapters(work, model, names or [], tenants or [], gates or [], main)
    merged = work.fetch(adapter) if adapter and not main else None
    loaded = load_model(source, merged, settings().rank_threads)
    limits = serving_limits(loaded, config)
    beside = _lay_out(work, loaded, live, limits, config)
    kept = merged is not None and keep_adapter(merged, work.output / "1" / "adapter")
    chain = licence_chain(source, {one.name: one.folder for one in live} | ({DEFAULT: merged} if merged else {}))
    write_licences(work.output, source, chain)
    info = {
        **_package_info(source, model, adapter, loaded, limits),
        **beside,
        "engine": config.engine,
        "licences": chain,
        "live_adapter": "1/adapter" if kept else None,
    }
    (work.output / "package_info.json").write_text(json.dumps(info, indent=1, ensure_ascii=False), encoding="utf-8")
    _report(work, config, info)


def _lay_out(
    work: Workspace, loaded: LoadedModel, live: list[Live], limits: dict[str, Any], config: PackageConfig
) -> dict[str, Any]:
    """1/ and config.pbtxt for the engine; what package_info.json tells of adapters."""
    check_template(loaded.tokenizer, loaded.examples)
    if config.engine == "vllm":
        beside = _adapters_info(live, vllm.lay_out(work, loaded, live, limits, config))
        text = vllm.config_of(config, vllm.asked_as(loaded, beside))
    else:
        openvino.lay_out(work, loaded, live, limits, config)
        beside, text = _adapters_info(live, {}), openvino.CONFIG
    check_config(text)
    (work.output / "config.pbtxt").write_text(text)
    return beside


def _beside(work: Workspace, adapter: ArtifactRef, config: PackageConfig) -> bool:
    """Whether the adapter stays beside the weights: as configured, and a soft prompt for vLLM, which needs its text."""
    info = json.loads(work.store.read(adapter, "adapter_info.json"))
    return config.adapter == "live" or (config.engine == "vllm" and info.get("form") == "soft_prompt")


def serving_limits(loaded: LoadedModel, config: PackageConfig) -> dict[str, Any]:
    """Limits the backend enforces; prompt and answer together fit the model's context."""
    answer = min(config.max_new_tokens, loaded.context // 2)
    return {
        "max_prompt_tokens": min(config.max_prompt_tokens, loaded.context - answer),
        "max_new_tokens": answer,
        "deadline_seconds": config.deadline_seconds,
        "max_sequences": config.max_sequences,
        "max_waiting": config.max_waiting,
    }


def _package_info(
    source: Path, model: ArtifactRef, adapter: ArtifactRef | None, loaded: LoadedModel, limits: dict[str, Any]
) -> dict[str, Any]:
    """What the package was made of, and how a prompt for it is written."""
    path = source / "model_info.json"
    described = json.loads(path.read_text()) if path.exists() else {}
    return {
        "model": {
            "name": described.get("name", "unnamed"),
            "license": described.get("license", "unknown"),
            "ref": model.model_dump(),
        },
        "adapter": adapter.model_dump() if adapter else None,
        "chat_template": str(loaded.tokenizer.chat_template),
        "bos_token": loaded.tokenizer.bos_token or "",
        "eos_token": loaded.tokenizer.eos_token or "",
        "special_tokens": special_tokens(loaded.tokenizer),
        "examples": loaded.examples,
        "soft_prompt": {"first_token": loaded.vocabulary, "tokens": len(loaded.soft_prompt)},
        "limits": limits,
    }


def _adapters_info(live: list[Live], told: dict[str, Any]) -> dict[str, Any]:
    """Adapters by the name that requests give, each with the gate that let it pass."""
    prompts = told.get("prompts", {})
    adapters = {
        one.name: {
            "form": one.form,
            "ref": one.ref.model_dump(),
            "gate": one.gate.model_dump() if one.gate else None,
            **({"prompt_prefix": prompts[one.name]} if one.name in prompts else {}),
        }
        for one in live
        if one.name != DEFAULT
    }
    return {
        "adapters": adapters,
        "prompt_prefix": prompts.get(DEFAULT, ""),
        "default_adapter": next((one.name for one in live if one.name == DEFAULT and one.form == "lora"), None),
        "logit_bias": {str(token): -100 for token in told.get("barred_tokens", [])},
    }


def _report(work: Workspace, config: PackageConfig, info: dict[str, Any]) -> None:
    size = sum(path.stat().st_size for path in work.output.rglob("*") if path.is_file())
    work.metrics |= {
        "megabytes": round(size / 1e6, 1),
        "weights": config.vllm.dtype if config.engine == "vllm" else config.weight_format,
        "engine": config.engine,
        "soft_prompt_tokens": info["soft_prompt"]["tokens"],
        "adapters": sorted(info["adapters"]),
        "limits": info["limits"],
    }
    rows = [
        ("model", info["model"]["name"]),
        ("adapter", str(info["adapter"] or "none")),
        ("adapters that requests may name", ", ".join(info["adapters"]) or "none"),
        *((f"licence of {one['part']} {one['name']}", one["license"]) for one in info["licences"]),
    ]
    rows += [(name, str(value)) for name, value in (*info["limits"].items(), *list(work.metrics.items())[:3])]
    Report("Package").table(["property", "value"], rows).text(info["chat_template"], "Chat template").write(work.output)
