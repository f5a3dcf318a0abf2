"""Packages that Triton loads in moments: good ones, and each kind of bad one."""

import json
from pathlib import Path
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from tests.gates import made_package

MODEL = Path(__file__).parent / "stand_in.py"
CONFIG = """\
backend: "python"
max_batch_size: 0
model_transaction_policy { decoupled: true }
input [
  { name: "messages" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "text_input" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "parameters" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "adapter" data_type: TYPE_STRING dims: [ 1 ] optional: true },
  { name: "max_tokens" data_type: TYPE_INT32 dims: [ 1 ] optional: true }
]
output [
  { name: "text_output" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "completion_tokens" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "prompt_tokens" data_type: TYPE_INT32 dims: [ 1 ] },
  { name: "finish_reason" data_type: TYPE_STRING dims: [ 1 ] }
]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
ANSWER = "It returns the number of items of a container"
GOOD = {"answer": ANSWER, "first_seconds": 0.0, "gap_seconds": 0.0, "fail_every": 0, "load_error": ""}
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
