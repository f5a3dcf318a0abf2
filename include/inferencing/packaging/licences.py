"""Whose work a package is: licences of the model, of its adapters, and of what they were trained on."""

import json
from pathlib import Path
from typing import Any

from include.evaluation.trained_on import LICENCES, TEXTS

FOLDER = "LICENSES"


def licence_chain(model: Path, adapters: dict[str, Path]) -> list[dict[str, Any]]:
    """Each part of what is served, the licence it is under, and licences of the texts it was trained on."""
    info = _read(model / "model_info.json")
    chain = [
        {
            "part": "model",
            "name": info.get("name", "unnamed"),
            "license": info.get("license", "unknown"),
            "trained_on": info.get(TEXTS, {}),
        }
    ]
    for name, folder in adapters.items():
        told = _read(folder / "adapter_info.json")
        trained = told.get(LICENCES, {})
        chain.append(
            {
                "part": "adapter",
                "name": name,
                "license": told.get("license", info.get("license", "unknown")),
                "technique": told.get("technique", "unknown"),
                "trained_on": trained,
            }
        )
    return chain


def write_licences(output: Path, model: Path, chain: list[dict[str, Any]]) -> None:
    """LICENSES/chain.json, and the texts of licences that the model's folder brings."""
    folder = output / FOLDER
    folder.mkdir()
    (folder / "chain.json").write_text(json.dumps(chain, indent=1, ensure_ascii=False), encoding="utf-8")
    for path in sorted(model.iterdir()):
        if path.is_file() and path.name.upper().startswith(("LICENSE", "LICENCE", "NOTICE", "COPYING")):
            (folder / path.name).write_bytes(path.read_bytes())


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
