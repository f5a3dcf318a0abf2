"""The last step of a model: unloaded everywhere, once nobody asks it any more.

Triton itself completes what is being answered before it lets go of a model; the grace is for gateways that have not
read the alias since.
"""

import time
from contextlib import suppress
from datetime import UTC, datetime

from include.artifacts.store import ArtifactStore
from include.core.errors import ServerUnavailableError
from include.inferencing import champion, fleet
from include.inferencing.champion import Leaving
from include.inferencing.config import DeployConfig
from include.inferencing.rollout import transitions


def leave(store: ArtifactStore, use_case: str) -> None:
    """Wait for the grace of all that leaves, and unload it; where no server answers there is nothing to unload."""
    while leaving := champion.read_alias(store.bucket, use_case)[0].leaving:
        time.sleep(max(0.0, min(map(remaining, leaving))))
        for one in leaving:
            if remaining(one) <= 0:
                take_out(store, use_case, one.model_name)


def take_out(store: ArtifactStore, use_case: str, model_name: str) -> None:
    """Unload a model and take it off those that leave; loaded again where it came back in that moment."""
    if all(one.model_name != model_name for one in champion.read_alias(store.bucket, use_case)[0].leaving):
        return
    with suppress(ServerUnavailableError):
        # where no server answers, none has it: Triton begins without any model
        fleet.unload_everywhere(model_name)
    if model_name in transitions.left(store.bucket, use_case, model_name).named:
        fleet.load_everywhere(model_name, DeployConfig())


def remaining(one: Leaving) -> float:
    """Seconds of grace that a leaving model still has."""
    return one.grace - (datetime.now(UTC) - datetime.fromisoformat(one.since)).total_seconds()
