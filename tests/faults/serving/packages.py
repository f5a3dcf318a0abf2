"""Packages that Triton loads in moments: good ones, and each kind of bad one."""

import json
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.inferencing.packaging.openvino import CONFIG
from tests.gates import made_package

MODEL = Path(__file__).parent / "stand_in.py"
ANSWER = "It returns the number of items of a container"
GOOD = {"answer": ANSWER, "first_seconds": 0.0, "gap_seconds": 0.0, "fail_every": 0, "load_error": "", "dies_once": ""}
BAD = {
    "does not load": {"load_error": "no such weights"},
    "is empty": {"answer": ""},
    "fails": {"fail_every": 2},
    "is slow": {"first_seconds": 0.8},
    "says nonsense": {"answer": "purple monkeys dishwash quietly under seven moons"},
}


def stand_in(
    store: ArtifactStore, name: str, kind: str = "", info: dict[str, Any] | None = None, **values: object
) -> ArtifactRef:
    """A committed package of the stand-in model, one of a kind of BAD ones where it is named."""
    behaviour = GOOD | BAD.get(kind, {}) | values
    files = {"config.pbtxt": CONFIG, "1/model.py": MODEL.read_text(), "1/behaviour.json": json.dumps(behaviour)}
    return made_package(store, name, files=files, info=info)
