"""One Triton: has what the aliases name, and answers."""

import logging
import re
import threading
import time

from include.artifacts.store import ArtifactStore
from include.core.errors import (
    CorruptedArtifactError,
    GateError,
    GenaiError,
    ModelError,
    PermanentError,
    TransientError,
)
from include.inferencing import champion, fleet
from include.inferencing.champion import Alias, Serving
from include.inferencing.gated import require_gated
from include.inferencing.publish import is_published, publish
from include.inferencing.triton_client import TritonClient

LOG = logging.getLogger("genai.inferencing.control")
LOOK_SECONDS = 2.0
CANARY_SECONDS = 10.0
ANSWER_SECONDS = 15.0
LOAD_SECONDS = 120.0
MOST_TIMEOUTS = 2  # questions in a row: one alone may only have waited behind those of users
# a model that nothing names is unloaded when it is found so twice, so far apart
STRAY_SECONDS = 10.0


class Wanted:
    """What all aliases say, as they were last read; `refresh` reads them."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store
        self.aliases: dict[str, Alias] = {}
        self.prefixes: set[str] = set()
        self.gated: dict[tuple[str, str, str], str] = {}
        self.told: dict[tuple[str, str, str], str] = {}

    def refresh(self) -> None:
        """Read all aliases; one that cannot be read stays as it was."""
        cases = champion.use_cases(self.store.bucket)
        read = dict(self.aliases)
        for use_case in cases:
            try:
                read[use_case] = champion.read_alias(self.store.bucket, use_case)[0]
            except CorruptedArtifactError as error:
                LOG.warning("%s", error)
        self.aliases = {name: alias for name, alias in read.items() if name in cases}
        self.prefixes = {champion.model_prefix(name) for name in cases}

    def to_load(self) -> list[Serving]:
        """Champions, and candidates that have been loaded once: the first load is the rollout's own."""
        found = []
        for alias in self.aliases.values():
            rollout = alias.rollout
            candidate = rollout.candidate if rollout and rollout.phase != "loading" else None
            found += [champion.serving(one) for one in (alias.champion, candidate) if one and not self.refused(one)]
        return found

    def named(self) -> set[str]:
        """What may be loaded, read anew."""
        read = (champion.read_alias(self.store.bucket, name)[0] for name in champion.use_cases(self.store.bucket))
        return {name for alias in read for name in alias.named}

    def refused(self, one: Serving) -> str:
        """Why a package must not be loaded: no gate let it pass; empty where one did."""
        key = one.model_name, one.package.digest, one.gate.digest if one.gate else ""
        if key not in self.gated:
            try:
                require_gated(self.store, one)
                self.gated[key] = ""
            except PermanentError as error:
                if self.told.get(key) != str(error):
                    LOG.warning("not loaded: %s", error)
                self.told[key] = str(error)
                if not isinstance(error, GateError) or error.__cause__ is not None:
                    # what is missing or damaged may be put back
                    return str(error)
                self.gated[key] = str(error)
        return self.gated[key]

    def is_ours(self, model: str) -> bool:
        """Whether a model's name is one that this project gives."""
        return re.sub("[0-9a-f]{12}$", "", model) in self.prefixes


class Keeper:
    """Looks after one server, in a thread of its own."""

    def __init__(
        self, store: ArtifactStore, address: str, wanted: Wanted, canary_seconds: float = CANARY_SECONDS
    ) -> None:
        self.store, self.address, self.wanted, self.canary_seconds = store, address, wanted, canary_seconds
        self.answered: dict[str, float] = {}
        self.timeouts: dict[str, int] = {}
        self.strays: dict[str, float] = {}
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"keeper-{address}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self.thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it looks, or is about to."""
        return self.thread.is_alive()

    def stop(self) -> None:
        """End after the look that is under way."""
        self.ended.set()

    def look(self) -> None:
        """One round: load what is missing, reload what does not answer, unload what nothing names.

        One model in trouble does not keep the others from being looked at; the last trouble is raised.
        """
        trouble: GenaiError | None = None
        with TritonClient(self.address) as triton:
            triton.check()
            for one in self.wanted.to_load():
                try:
                    self._keep(triton, one)
                except GenaiError as error:
                    trouble = error
            self._clear(triton)
        if trouble:
            raise trouble

    def _run(self) -> None:
        trouble = "not looked at yet"
        while not self.ended.is_set():
            try:
                self.look()
                problem = ""
            except GenaiError as error:
                problem = str(error)
            if problem != trouble:
                LOG.info("%s: %s", self.address, problem or "all that is named answers")
            trouble = problem
            self.ended.wait(LOOK_SECONDS)

    def _keep(self, triton: TritonClient, one: Serving) -> None:
        model = one.model_name
        if not triton.ready(model):
            LOG.warning("%s is not loaded on %s", model, self.address)
        elif self._answered_lately(model) or self._answers(triton, model):
            return
        else:
            triton.unload(model)
        self.timeouts.pop(model, None)
        started = time.monotonic()
        if not is_published(self.store, one.package, model):
            publish(self.store, one.package, model, one.card)
        fleet.load(triton, model, LOAD_SECONDS)
        self._ask(triton, model)
        LOG.info("loaded %s on %s in %.1f s", model, self.address, time.monotonic() - started)

    def _answered_lately(self, model: str) -> bool:
        return time.monotonic() - self.answered.get(model, -self.canary_seconds) < self.canary_seconds

    def _answers(self, triton: TritonClient, model: str) -> bool:
        """Whether the model answers, or may only be busy."""
        try:
            self._ask(triton, model)
            return True
        except (ModelError, TransientError) as error:
            if fleet.is_busy(error):
                self.answered[model] = time.monotonic()
                self.timeouts.pop(model, None)
                return True
            LOG.warning("%s does not answer on %s: %s", model, self.address, error)
            triton.check()
            self.timeouts[model] = self.timeouts.get(model, 0) + 1
            return isinstance(error, TransientError) and self.timeouts[model] < MOST_TIMEOUTS

    def _ask(self, triton: TritonClient, model: str) -> None:
        for _ in triton.stream(model, "ping", 1, ANSWER_SECONDS):
            pass
        self.answered[model] = time.monotonic()
        self.timeouts.pop(model, None)

    def _clear(self, triton: TritonClient) -> None:
        """Unload this project's models that nothing names, now and some time ago."""
        found = {model for model in fleet.loaded(triton) if self.wanted.is_ours(model)} - self.wanted.named()
        moment = time.monotonic()
        self.strays = {model: self.strays.get(model, moment) for model in found}
        for model, since in self.strays.items():
            # a rollout that begins names it before it loads it
            if moment - since >= STRAY_SECONDS and model not in self.wanted.named():
                LOG.warning("%s is loaded on %s and nothing names it: unloaded", model, self.address)
                triton.unload(model)
