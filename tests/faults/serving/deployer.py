"""Deploys a package, as a task of Airflow would: `python -m tests.faults.serving.deployer JSON`."""

import json
import sys

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import GateError, GenaiError, TransientError
from include.core.settings import settings
from include.inferencing.config import DeployConfig
from include.inferencing.deploy import deploy

DEPLOYED, ROLLED_BACK, REFUSED, AGAIN = 0, 3, 4, 5


def main(told: dict[str, dict[str, str]]) -> int:
    """How the deployment ended."""
    package, gate = (ArtifactRef.model_validate(told[name]) for name in ("package", "gate"))
    run, config = RunName.model_validate(told["run"]), DeployConfig.model_validate(told["config"])
    try:
        outcome = deploy(ArtifactStore(StoreAddress.of(settings())), package, run, config, gate)
    except GateError as error:
        print(error)
        return REFUSED
    except TransientError as error:
        print(error)
        return AGAIN
    except GenaiError as error:
        print(error)
        return ROLLED_BACK
    print(outcome.reason)
    return DEPLOYED if outcome.metrics["deployed"] else ROLLED_BACK


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
