"""Keep every champion answering: `python -m include.inferencing.watch`.

Triton never restarts a dead python stub and still calls its model ready, so a question is the only proof.
"""

import logging
import os
import signal
import sys
import time

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError, ModelError, TransientError
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing.triton_client import TritonClient

LOG = logging.getLogger("genai.inferencing.watch")
LOOK_SECONDS = 2.0
CANARY_SECONDS = 10.0
ANSWER_SECONDS = 15.0
LOAD_SECONDS = 120.0
MOST_TIMEOUTS = 2  # canaries in a row: one alone may only have waited behind the questions of users


class Watcher:
    """Looks at all champions; remembers when each last answered."""

    def __init__(self, store: ArtifactStore, address: str, canary_seconds: float = CANARY_SECONDS) -> None:
        self.store, self.address, self.canary_seconds = store, address, canary_seconds
        self.answered: dict[str, float] = {}
        self.timeouts: dict[str, int] = {}

    def look(self) -> None:
        """One round: load what is missing, reload what does not answer.

        One champion in trouble does not keep the others from being looked at; the last trouble is raised.
        """
        trouble: GenaiError | None = None
        with TritonClient(self.address) as triton:
            triton.check()
            for use_case in champion.use_cases(self.store.bucket):
                try:
                    current = champion.read(self.store.bucket, use_case)
                    if current is not None:
                        self._keep(triton, use_case, current.model_name)
                except GenaiError as error:
                    trouble = error
        if trouble:
            raise trouble

    def _keep(self, triton: TritonClient, use_case: str, model: str) -> None:
        if not triton.ready(model):
            LOG.warning("champion of %s is not loaded: %s", use_case, model)
        elif time.monotonic() - self.answered.get(model, -self.canary_seconds) < self.canary_seconds:
            return
        else:
            try:
                self._canary(triton, model)
                return
            except (ModelError, TransientError) as error:
                LOG.warning("champion of %s does not answer: %s", use_case, error)
                triton.check()
                self.timeouts[model] = self.timeouts.get(model, 0) + 1
                if isinstance(error, TransientError) and self.timeouts[model] < MOST_TIMEOUTS:
                    return
                triton.unload(model)
        self.timeouts.pop(model, None)
        started = time.monotonic()
        triton.load(model, LOAD_SECONDS)
        self._canary(triton, model)
        LOG.info("loaded %s in %.1f s", model, time.monotonic() - started)
        current = champion.read(self.store.bucket, use_case)
        if current is not None and current.model_name != model:
            # a deployment moved the alias and unloaded this model while it was being loaded here
            triton.unload(model)

    def _canary(self, triton: TritonClient, model: str) -> None:
        for _ in triton.stream(model, "ping", 1, ANSWER_SECONDS):
            pass
        self.answered[model] = time.monotonic()
        self.timeouts.pop(model, None)


def main() -> None:
    """Watch until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    watcher = Watcher(ArtifactStore(StoreAddress.of(settings())), settings().triton_address)
    LOG.info("watching %s, pid %d", watcher.address, os.getpid())
    trouble = ""
    while True:
        try:
            watcher.look()
            problem = ""
        except GenaiError as error:
            problem = str(error)
        if problem != trouble:
            LOG.info("%s", problem or "all champions answer")
        trouble = problem
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
