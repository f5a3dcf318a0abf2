"""One worker at a time makes an artifact; the others wait for it instead of doing the same work.

A claim saves money and decides nothing: two workers that both believe to hold one end with one artifact all the same.
So it may be taken over whenever its holder seems dead.
"""

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from include.artifacts.document import Document
from include.artifacts.history import Place
from include.artifacts.manifest import Manifest
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError, TransientError
from include.core.processes import identity, is_alive

CLAIMS = "claims/"
BEAT_SECONDS = 10.0
# a holder that is alive but shows no beat for so long is taken for dead
SILENCE_SECONDS = 60.0
POLL_SECONDS = 1.0
LOG = logging.getLogger("genai.artifacts.claim")


class _Claim:
    """This process's claim on one artifact."""

    def __init__(self, store: ArtifactStore, key: str, place: Place | None) -> None:
        self.document = Document(store.bucket, key)
        self.value: dict[str, object] = {
            "owner": uuid.uuid4().hex,
            "host": socket.gethostname(),
            "process": identity(os.getpid()),
            "place": place.key if place else "",
            "beat": 0,
        }
        self.done = threading.Event()

    def read(self) -> tuple[dict[str, object] | None, str | None]:
        """Who holds the claim, and the version of it; a damaged one is held by nobody."""
        try:
            holder, version = self.document.read()
        except CorruptedArtifactError:
            self.document.bucket.delete([self.document.key])
            return None, None
        return (holder if holder and self.value.keys() <= holder.keys() else None), version

    @property
    def is_mine(self) -> bool:
        """Whether this process holds it."""
        holder, _ = self.read()
        return holder is not None and holder["owner"] == self.value["owner"]

    def beat(self) -> None:
        """Show that the holder lives, until it is done or has lost the claim."""
        while not self.done.wait(BEAT_SECONDS):
            self.value["beat"] = int(str(self.value["beat"])) + 1
            try:
                holder, version = self.read()
                if holder is None or holder["owner"] != self.value["owner"]:
                    return
                # an answer that is lost looks like a condition that does not hold: the next beat tells
                self.document.swap(self.value, version)
            except TransientError as error:
                LOG.warning("the claim shows no beat: %s", error)

    def release(self) -> None:
        """Let go, unless another took over; what cannot be let go now is taken over as a dead worker's."""
        try:
            if self.is_mine:
                self.document.bucket.delete([self.document.key])
        except TransientError as error:
            LOG.warning("the claim is not released: %s", error)


@contextmanager
def sole_writer(
    store: ArtifactStore, step: str, fingerprint: str, place: Place | None = None
) -> Iterator[Manifest | None]:
    """Hold the claim on an artifact; the manifest where another worker committed it while this one waited."""
    claim = _Claim(store, f"{CLAIMS}{artifact_prefix(step, fingerprint)}.json", place)
    made = _wait(store, claim, step, fingerprint)
    if made:
        yield made
        return
    heart = threading.Thread(target=claim.beat, daemon=True)
    heart.start()
    try:
        yield None
    finally:
        claim.done.set()
        heart.join()
        claim.release()


def _wait(store: ArtifactStore, claim: _Claim, step: str, fingerprint: str) -> Manifest | None:
    """Until the claim is taken (None), or the artifact is there."""
    seen, since, told = None, time.monotonic(), False
    while True:
        holder, version = claim.read()
        if (holder, version) != seen:
            seen, since = (holder, version), time.monotonic()
        if holder is None or _is_dead(holder, claim.value) or time.monotonic() - since > SILENCE_SECONDS:
            if not claim.document.swap(claim.value, version) and not claim.is_mine:
                continue
            # it may have been committed between this process's look and its claim
            made = store.find(step, fingerprint)
            if made:
                claim.release()
            return made
        if made := store.find(step, fingerprint):
            return made
        if not told:
            LOG.info("%s is being made by %s on %s: waiting for it", step, holder["place"] or "another", holder["host"])
            told = True
        time.sleep(POLL_SECONDS)


def _is_dead(holder: dict[str, object], mine: dict[str, object]) -> bool:
    """Whether the holder is a try before of this very task, or a process of this machine that has ended."""
    if holder["place"] and holder["place"] == mine["place"]:
        return True
    return holder["host"] == mine["host"] and not is_alive(str(holder["process"]))
