"""Adapters that stay beside the base: tenants choose one with each request."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.core.errors import ConfigurationError, ModelError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
DEFAULT = "default"
KEPT = ("adapter_config.json", "adapter_model.safetensors", "adapter_info.json")


@dataclass(frozen=True)
class Live:
    """An adapter by the name that requests give: a LoRA, or a soft prompt."""

    name: str
    form: str
    ref: ArtifactRef
    folder: Path


def live_adapters(
    work: Workspace, model: ArtifactRef, names: list[str], adapters: list[ArtifactRef], main: ArtifactRef | None
) -> list[Live]:
    """The adapters to serve beside the base; `main`: the one that answers where a request names none.

    ConfigurationError for names or an adapter of another model, ModelError for a form that engines cannot apply.
    """
    if len(names) != len(adapters) or len({*names, DEFAULT}) <= len(names) or not all(map(NAME.fullmatch, names)):
        raise ConfigurationError(
            "names",
            names,
            "not a name of its own for each adapter",
            f"Use small letters, digits, _ and -; {DEFAULT} is the package's own",
        )
    named = [*([(DEFAULT, main)] if main else []), *zip(names, adapters, strict=True)]
    return [_live(work, model, name, ref) for name, ref in named]


def _live(work: Workspace, model: ArtifactRef, name: str, ref: ArtifactRef) -> Live:
    folder = work.fetch(ref)
    info = json.loads((folder / "adapter_info.json").read_text(encoding="utf-8"))
    if info.get("base") != model.digest:
        raise ConfigurationError("adapters", str(ref), "it is one of another model", f"Tune it on {model}")
    form = str(info.get("form", "not known"))
    if form == "lora":
        refuse_unless_plain(name, json.loads((folder / "adapter_config.json").read_text(encoding="utf-8")))
    elif form != "soft_prompt":
        raise ModelError("adapters", name, f"a {form} cannot be served beside its base", "Package it merged, alone")
    return Live(name, form, ref, folder)


def refuse_unless_plain(name: str, config: dict[str, Any]) -> None:
    """ModelError where a LoRA's configuration has parts that a sum of two matrices leaves out."""
    remedy = "Package it with adapter: merged, or tune it as a plain LoRA"
    if config.get("use_dora"):
        raise ModelError(
            "adapters", name, "it is a DoRA: engines add two matrices, which leaves out its magnitudes", remedy
        )
    if config.get("modules_to_save") or config.get("bias", "none") != "none":
        raise ModelError("adapters", name, "it trained whole modules or biases beside its matrices", remedy)


def keep_adapter(adapter: Path, target: Path) -> bool:
    """Keep a plain LoRA as it is beside the merged model, for a server that loads it while running; whether it is one.

    A DoRA is served merged: engines add a product of matrices, which leaves out its magnitudes.
    """
    info = adapter / "adapter_info.json"
    if not info.exists() or json.loads(info.read_text()).get("form") != "lora":
        return False
    if json.loads((adapter / "adapter_config.json").read_text()).get("use_dora"):
        return False
    copy_adapter(adapter, target)
    return True


def copy_adapter(adapter: Path, target: Path) -> None:
    """PEFT's two files and what is known of them."""
    target.mkdir(parents=True)
    for name in KEPT:
        shutil.copyfile(adapter / name, target / name)


def matrices(base: Any, adapters: list[Live]) -> dict[str, Any]:
    """For each LoRA and each layer it changes `NAME|LAYER|A` and `|B`, scaled.

    What the layer computes more is B(A(x)). `base` is left as it was.
    """
    from peft import PeftModel

    found: dict[str, Any] = {}
    for live in (one for one in adapters if one.form == "lora"):
        adapted = PeftModel.from_pretrained(base, str(live.folder))
        for layer, module in adapted.get_base_model().named_modules():
            if not hasattr(module, "lora_A") or "default" not in module.lora_A:
                continue
            down, up = module.lora_A["default"].weight, module.lora_B["default"].weight * module.scaling["default"]
            found[f"{live.name}|{layer}|A"] = down.detach().float().numpy()
            found[f"{live.name}|{layer}|B"] = up.detach().float().numpy()
        base = adapted.unload()
    return found


def add_rows(model: Any, adapters: list[Live]) -> dict[str, list[int]]:
    """Write the soft prompts among `adapters` into the embedding table; the rows of each by name."""
    from include.evaluation.soft_prompts import append_rows

    embedded = prompt_embeddings(model, adapters)
    return dict(zip(embedded, append_rows(model, list(embedded.values())), strict=True)) if embedded else {}


def prompt_embeddings(model: Any, adapters: list[Live]) -> dict[str, Any]:
    """The learned input embeddings of the soft prompts among `adapters`, by name."""
    from peft import PeftModel

    from include.evaluation.soft_prompts import embeddings_of

    soft = [live for live in adapters if live.form == "soft_prompt"]
    return {live.name: embeddings_of(PeftModel.from_pretrained(model, str(live.folder))) for live in soft}
