"""Write adapters into the model itself: one LoRA into its weights, or the soft prompts of several tenants as tokens."""

import json
import re
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.core.settings import settings
from include.evaluation.canaries import CANARIES
from include.evaluation.model import load_model
from include.evaluation.soft_prompts import PROMPTS_FILE, add_prompts, embeddings_of

NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@step("model")
def merge(work: Workspace, model: ArtifactRef, adapters: list[ArtifactRef], names: list[str]) -> None:
    """A Hugging Face folder in fp32 that computes what the adapters do, and model_info.json.

    A LoRA is added to the weights; it takes no other beside it. Soft prompts become special tokens
    `<|prompt:NAME:0|>`, ..., one sequence a name, to be put before everything else of a prompt: requests of all
    tenants, and plain ones, then share one model and one batch. prompts.json has their text and token ids; tokens from
    `first` on are never to be written, which generation_config.json says too.

    ConfigurationError where an adapter is of another model, of another form, or has no name of its own.
    """
    forms = [_form(work, model, ref) for ref in adapters]
    if len(names) != len(adapters) or len(set(names)) < len(names) or not all(map(NAME.fullmatch, names)):
        raise ConfigurationError("names", names, "not a name for each adapter", "Use small letters, digits, _ and -")
    source = work.fetch(model)
    if forms == ["lora"]:
        merged = load_model(source, work.fetch(adapters[0]), settings().rank_threads)
        network, tokenizer, rows = merged.model, merged.tokenizer, [(names[0], "in the weights")]
    elif set(forms) == {"soft_prompt"}:
        plain = load_model(source, None, settings().rank_threads)
        network, tokenizer = plain.model, plain.tokenizer
        prompts = _with_prompts(
            network, tokenizer, {n: work.fetch(ref) for n, ref in zip(names, adapters, strict=True)}
        )
        (work.output / PROMPTS_FILE).write_text(json.dumps(prompts, indent=1), encoding="utf-8")
        rows = [(name, one["text"]) for name, one in prompts["tenants"].items()]
    else:
        raise ConfigurationError("adapters", forms, "they cannot share one model", "Merge one lora, or soft prompts")
    network.save_pretrained(work.output)
    tokenizer.save_pretrained(work.output)
    _describe(work, json.loads((source / "model_info.json").read_text(encoding="utf-8")), adapters, model, rows)


def _form(work: Workspace, model: ArtifactRef, adapter: ArtifactRef) -> str:
    info = json.loads(work.store.read(adapter, "adapter_info.json"))
    if info["base"] != model.digest:
        raise ConfigurationError("adapters", str(adapter), "it is one of another model", f"Tune it on {model}")
    return str(info.get("form", "not known"))


def _with_prompts(network: Any, tokenizer: Any, adapters: dict[str, Path]) -> dict[str, Any]:
    """Write each adapter's prompt into the table under tokens of its own; the content of prompts.json."""
    from peft import PeftModel

    embedded = {name: embeddings_of(PeftModel.from_pretrained(network, str(path))) for name, path in adapters.items()}
    try:
        return add_prompts(network, tokenizer, embedded)
    except ValueError as error:
        raise ConfigurationError("names", list(embedded), str(error), "Use a model without holes") from None


def _describe(
    work: Workspace,
    info: dict[str, Any],
    adapters: list[ArtifactRef],
    model: ArtifactRef,
    rows: list[tuple[str, str]],
) -> None:
    infos = [info, *(json.loads(work.store.read(ref, "adapter_info.json")) for ref in adapters)]
    merged = info | {
        "name": f"{info['name']} with {', '.join(name for name, _ in rows)}",
        "base": model.digest,
        "merged": [name for name, _ in rows],
        # what is trained on goes with what is merged: else nobody would look for it
        CANARIES: [planted for one in infos for planted in one.get(CANARIES, [])],
    }
    (work.output / "model_info.json").write_text(json.dumps(merged, indent=1, ensure_ascii=False), encoding="utf-8")
    work.metrics |= {"name": merged["name"], "adapters": len(rows)}
    Report("Merged model").table(["adapter", "how it is called"], rows).write(work.output)
