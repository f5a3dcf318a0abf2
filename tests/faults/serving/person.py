"""A person who brings a champion back, or calls a rollout off: `python -m tests.faults.serving.person JSON`."""

import json
import sys
from typing import Any

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import settings
from include.inferencing.config import DeployConfig
from include.inferencing.rollback import rollback


def main(told: dict[str, Any]) -> int:
    """0 where it was done."""
    try:
        config = DeployConfig.model_validate(told["config"])
        print(rollback(ArtifactStore(StoreAddress.of(settings())), told["use_case"], config, told["to"]))
    except GenaiError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
