"""A charter for the tests, with the limits that a strategy would set."""

import json
from typing import Any

from include.artifacts.step import Workspace, step


@step("charter")
def sample_charter(work: Workspace, limits: dict[str, Any]) -> None:
    (work.output / "charter.json").write_text(json.dumps({"limits": limits, "goal": "answer questions"}))
