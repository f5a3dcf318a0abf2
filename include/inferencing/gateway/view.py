"""What a gateway knows of the store: who may ask, which models serve, how far serving is scaled."""

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from include.artifacts.document import ALIASES
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, GateError, GenaiError, PermanentError, TransientError
from include.inferencing import champion
from include.inferencing.access.tenants import Access, read_access
from include.inferencing.champion import Serving
from include.inferencing.gated import require_gated
from include.inferencing.gateway.backends import Dialect, dialect_of
from include.inferencing.scaling.scale import Scale, read_scale

LOG = logging.getLogger("genai.gateway.view")


@dataclass(frozen=True)
class Model:
    """A gated package under its name on Triton, and what its package_info.json says."""

    name: str
    info: dict[str, Any]
    dialect: Dialect

    @property
    def limits(self) -> dict[str, Any]:
        """Limits of the package."""
        return dict(self.info.get("limits", {}))

    @property
    def adapters(self) -> tuple[str, ...]:
        """Names of its live adapters."""
        return tuple(self.info.get("adapters") or ())


@dataclass(frozen=True)
class Route:
    """Where requests for a use case go: to the champion, a share of them to the candidate."""

    champion: Model | None = None
    candidate: Model | None = None
    share: float = 0.0
    since: str = ""

    @property
    def models(self) -> list[Model]:
        """All that may get requests."""
        return [model for model in (self.champion, self.candidate) if model]


@dataclass(frozen=True)
class Snapshot:
    """All that was known at one moment."""

    access: Access = field(default_factory=Access)
    routes: dict[str, Route] = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)

    @property
    def models(self) -> dict[str, Model]:
        """All models that may get requests, by their names on Triton."""
        return {model.name: model for route in self.routes.values() for model in route.models}


class StoreReader:
    """Reads snapshots; what it has read by digests it never reads again. Used by one thread at a time."""

    def __init__(self, store: ArtifactStore) -> None:
        self.store = store
        self.aliases: dict[str, tuple[str, Route]] = {}
        self.models: dict[tuple[str, ...], Model | GateError] = {}
        self.told: dict[str, str] = {}

    def read(self) -> Snapshot:
        """The store as it stands; StoreUnavailableError and other errors of the store where it does not answer."""
        bucket = self.store.bucket
        access, scale = read_access(bucket)[0], read_scale(bucket)
        found: dict[str, tuple[str, Route]] = {}
        for item in bucket.objects(ALIASES):
            if not item.key.endswith(champion.NAME):
                continue
            use_case = item.key[len(ALIASES) : -len(champion.NAME)]
            known = self.aliases.get(use_case)
            if known and known[0] == item.etag and item.etag:
                found[use_case] = known
                continue
            try:
                route, settled = self._route(use_case)
                # without an etag it is read again the next time
                found[use_case] = (item.etag if settled else "", route)
            except GenaiError as error:
                self._tell(use_case, str(error))
                if known:
                    found[use_case] = known
                if isinstance(error, TransientError):
                    raise
        self.aliases = found
        return Snapshot(access, {use_case: route for use_case, (_, route) in found.items()}, scale)

    def _route(self, use_case: str) -> tuple[Route, bool]:
        """The route, and whether all that it names was read; GenaiError where the champion was not."""
        alias, _ = champion.read_alias(self.store.bucket, use_case)
        rollout = alias.rollout if alias.rollout and alias.rollout.phase == "canary" else None
        serving = self._model(use_case, alias.champion) if alias.champion else None
        candidate, settled = None, True
        try:
            candidate = self._model(use_case, rollout.candidate) if rollout else None
        except PermanentError as error:
            # the champion serves without it
            self._tell(f"{use_case}: candidate", str(error))
            settled = False
        since = alias.champion.moved_at if alias.champion else ""
        return Route(serving, candidate, rollout.share if rollout and candidate else 0.0, since), settled

    def _model(self, use_case: str, serving: Serving) -> Model | None:
        """The package, if it is gated; None, and a line in the log, where it is not.

        Only what a gate has decided never changes: what could not be read is an error, and read again.
        """
        key = (serving.model_name, serving.package.digest, serving.gate.digest if serving.gate else "")
        if key not in self.models:
            try:
                require_gated(self.store, champion.serving(serving))
                self.models[key] = self._described(serving)
            except GateError as error:
                if isinstance(error.__cause__, ArtifactNotFoundError):
                    raise
                self.models[key] = error
        found = self.models[key]
        if isinstance(found, GateError):
            self._tell(f"{use_case}: {serving.model_name}", str(found))
            return None
        return found

    def _described(self, serving: Serving) -> Model:
        info = json.loads(self.store.read(serving.package, "package_info.json"))
        return Model(serving.model_name, info, dialect_of(str(info.get("engine", "openvino"))))

    def _tell(self, what: str, problem: str) -> None:
        if self.told.get(what) != problem:
            LOG.error("%s: %s", what, problem)
        self.told[what] = problem


def unix_time(moment: str) -> int:
    """Seconds since 1970 of an ISO 8601 moment; 0 for none."""
    return int(datetime.fromisoformat(moment).astimezone(UTC).timestamp()) if moment else 0
