"""One process drives a rollout at a time; another takes over when it seems dead, as measured by its own clock."""

import logging
import os
import socket
import threading
import time
import uuid
from types import TracebackType

from include.artifacts.bucket import Bucket
from include.core.errors import TransientError
from include.core.processes import identity, is_alive
from include.inferencing.champion import Rollout
from include.inferencing.rollout import transitions

BEAT_SECONDS = 2.0
# an owner that is alive but shows no beat for so long is taken for dead
SILENCE_SECONDS = 12.0
LOG = logging.getLogger("genai.inferencing.rollout")


def new_owner() -> str:
    """A name for an owner in this process: host, process, and what tells two of one process apart."""
    return f"{socket.gethostname()} {identity(os.getpid())} {uuid.uuid4().hex[:12]}"


class Watchman:
    """Remembers when each rollout's beat was last seen to move."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[tuple[str, int], float]] = {}

    def is_abandoned(self, rollout: Rollout) -> bool:
        """Whether the owner has let go, has ended on this machine, or shows no sign of life for long."""
        mark, moment = (rollout.owner, rollout.beat), time.monotonic()
        known, since = self.seen.get(rollout.use_case, (mark, moment))
        self.seen[rollout.use_case] = (mark, since if known == mark else moment)
        host, _, rest = rollout.owner.partition(" ")
        if not rollout.owner or (host == socket.gethostname() and not is_alive(rest.partition(" ")[0])):
            return True
        return known == mark and moment - since > SILENCE_SECONDS


class Heart:
    """Shows that the owner lives, while it drives."""

    def __init__(self, bucket: Bucket, mine: Rollout) -> None:
        self.bucket, self.mine, self.done = bucket, mine, threading.Event()
        self.thread = threading.Thread(target=self._beat, name="rollout-heart", daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.done.set()
        self.thread.join()

    def _beat(self) -> None:
        while not self.done.wait(BEAT_SECONDS):
            try:
                if not transitions.owns(transitions.beat(self.bucket, self.mine), self.mine):
                    return
            except TransientError as error:
                LOG.warning("the rollout shows no beat: %s", error)
