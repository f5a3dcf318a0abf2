"""What a model's files tell before it is loaded: its size, its context, and why it may not be loaded at all."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from include.core.errors import ModelError

# pickles: loading one runs whatever code its author put in
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class Facts(NamedTuple):
    """What is known of a model: its licence, weights and positions (None: not known), and why it is refused."""

    name: str
    license: str
    parameters: int | None = None
    context: int | None = None
    refused: str = ""


def read_folder(folder: Path) -> tuple[int | None, int | None, str]:
    """Weights, positions and the reason to refuse it, of a Hugging Face folder or one with a GGUF file.

    ModelError where it is neither, or cannot be read.
    """
    if found := sorted(folder.glob("*.gguf")):
        return (*_read_gguf(found[0]), "")
    if not (folder / "config.json").exists():
        raise ModelError(
            "training.candidates.*.folder",
            folder.name,
            "it holds neither config.json nor a GGUF file",
            "Name the folder of one Hugging Face model",
        )
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise _broken(folder / "config.json", error) from None
    refused = refused_files(path.name for path in folder.iterdir()) or refused_config(config)
    return None if refused else _count(folder), context_of(config), refused


def refused_files(names: Iterable[str]) -> str:
    """Why a folder of these files is no candidate: it has pickles and no safetensors. Empty where it is one."""
    named = sorted(names)
    if any(name.endswith(".safetensors") for name in named):
        return ""
    pickles = [name for name in named if name.endswith(PICKLES)]
    if pickles:
        return f"its weights are a pickle ({pickles[0]}), which runs code when loaded: convert them to safetensors"
    return "it has no weights as safetensors"


def refused_config(config: Mapping[str, Any]) -> str:
    """Why a model of this config.json is no candidate: it brings code of its own. Empty where it is one."""
    if "auto_map" in config:
        return "it brings code of its own (auto_map), and none but that of transformers is run"
    return ""


def context_of(config: Mapping[str, Any]) -> int | None:
    """Positions of a model, as its config.json says."""
    found = config.get("max_position_embeddings", config.get("n_positions"))
    return int(found) if isinstance(found, int) else None


def _count(folder: Path) -> int:
    from math import prod

    from safetensors import SafetensorError, safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as tensors:
                total += sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise _broken(path, error) from error
    return total


def _read_gguf(path: Path) -> tuple[int, int | None]:
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        context = next((field for name, field in reader.fields.items() if name.endswith(".context_length")), None)
        return sum(int(tensor.n_elements) for tensor in reader.tensors), int(context.contents()) if context else None
    # gguf raises what numpy does over a damaged file
    except (ValueError, IndexError, KeyError, OSError, TypeError, OverflowError) as error:
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception) -> ModelError:
    return ModelError(
        "training.candidates",
        path.name,
        f"it is not a model that can be loaded ({type(error).__name__}: {str(error)[:200]})",
        "Name a causal language model that transformers supports, as safetensors or GGUF",
    )
