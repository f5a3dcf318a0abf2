"""The trained tagger as a file: what differs from the pretrained pipeline, as 8-bit integers with a scale a row."""

from pathlib import Path
from typing import Any

from include.privacy.recognition.network import build
from include.privacy.recognition.tagger import TAGS

WEIGHTS = Path(__file__).with_name("weights.safetensors")
_FIXED = ("tables.", "project.", "vectors")


def save(network: Any, path: Path, metadata: dict[str, str]) -> None:
    """Write the trained parameters of `network`, half a megabyte a member."""
    import torch
    from safetensors.torch import save_file

    tensors = {}
    for name, value in network.state_dict().items():
        if name.startswith(_FIXED):
            continue
        if value.dim() < 2:
            tensors[name] = value.half()
            continue
        scale = value.abs().amax(dim=1, keepdim=True) / 127
        tensors[name] = (value / scale).round().to(torch.int8)
        tensors[f"{name}.scale"] = scale
    save_file(tensors, path, metadata)


def load(path: Path = WEIGHTS) -> Any:
    """The network with the parameters that `save` wrote."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    network = build(len(TAGS), 1 + max(int(name.split(".")[1]) for name in tensors))
    values = {
        name: value.float() * tensors[f"{name}.scale"] if f"{name}.scale" in tensors else value.float()
        for name, value in tensors.items()
        if not name.endswith(".scale")
    }
    found = network.load_state_dict(values, strict=False)
    if found.unexpected_keys or any(not name.startswith(_FIXED) for name in found.missing_keys):
        raise ValueError(f"{path.name} is of another network: {found}")
    return network.eval()


def metadata(path: Path = WEIGHTS) -> dict[str, str]:
    """What `save` was told about the training."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        return dict(file.metadata())
