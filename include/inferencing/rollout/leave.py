"""The last step of a model: unloaded everywhere, once nobody asks it any more.

Triton itself completes what is being answered before it lets go of a model; the grace is for gateways that have not
read the alias since.
"""

import time
from collections.abc import Sequence
from contextlib import suppress

from include.artifacts.store import ArtifactStore
from include.core.errors import ServerUnavailableError
from include.inferencing import champion, fleet
from include.inferencing.champion import Leaving
from include.inferencing.config import DeployConfig
from include.inferencing.rollout import transitions


class Departures:
    """When each leaving model was first seen here: its grace is measured by this process's clock alone."""

    def __init__(self) -> None:
        self.seen: dict[Leaving, float] = {}

    def due(self, leaving: Sequence[Leaving]) -> list[Leaving]:
        """Those whose grace is over."""
        self.seen = {one: self.seen.get(one, time.monotonic()) for one in leaving}
        return [one for one in leaving if self._remaining(one) <= 0]

    def soonest(self) -> float:
        """Seconds until the next one is due."""
        return max(0.0, min(map(self._remaining, self.seen), default=0.0))

    def _remaining(self, one: Leaving) -> float:
        return one.grace - (time.monotonic() - self.seen[one])


def leave(store: ArtifactStore, use_case: str) -> None:
    """Wait for the grace of all that leaves, and unload it; where no server answers there is nothing to unload."""
    departures = Departures()
    while leaving := champion.read_alias(store.bucket, use_case)[0].leaving:
        for one in departures.due(leaving):
            take_out(store, use_case, one.model_name)
        time.sleep(departures.soonest())


def take_out(store: ArtifactStore, use_case: str, model_name: str) -> None:
    """Unload a model and take it off those that leave; loaded again where it came back in that moment."""
    if all(one.model_name != model_name for one in champion.read_alias(store.bucket, use_case)[0].leaving):
        return
    with suppress(ServerUnavailableError):
        # where no server answers, none has it: Triton begins without any model
        fleet.unload_everywhere(model_name)
    if model_name in transitions.left(store.bucket, use_case, model_name).named:
        fleet.load_everywhere(model_name, DeployConfig())
