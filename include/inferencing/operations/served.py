"""What serves a use case, and what its charter promised: the ground that every look stands on."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from pydantic import BaseModel, ConfigDict

from include.artifacts.bucket import Bucket
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError
from include.core.settings import settings
from include.inferencing import champion
from include.inferencing.champion import Alias, Champion
from include.inferencing.config import InferencingConfig
from include.inferencing.operations.spans import Span, World, read_spans
from include.inferencing.scaling.scale import Scale, read_scale
from include.inferencing.traffic import TRAFFIC

HOURS_A_MONTH = 730


class Promise(BaseModel):
    """Of the charter under which the champion was made: demand, sizing, prices and budget, in its currency."""

    model_config = ConfigDict(frozen=True)
    requests_a_day: int
    peak_requests_per_second: float
    concurrent_users: int
    answer_tokens: int
    latency_seconds: float
    replicas: int
    replica_tokens_per_second: float
    replica_hour_price: float
    training_hour_price: float
    budget: float
    currency: str


@dataclass(frozen=True)
class Served:
    """A use case in service, at a moment."""

    store: ArtifactStore
    use_case: str
    config: InferencingConfig
    at: datetime
    alias: Alias
    champion: Champion

    @property
    def bucket(self) -> Bucket:
        """Where the documents lie."""
        return self.store.bucket

    @cached_property
    def promise(self) -> Promise | None:
        """The charter's figures; None where the champion's gate names no charter, or it is gone."""
        charter = self.origin("charter")
        try:
            return read_promise(self.store, charter) if charter else None
        except ArtifactNotFoundError:
            return None

    @cached_property
    def scale(self) -> Scale:
        """The scale as it stands."""
        return read_scale(self.bucket)

    @property
    def day(self) -> str:
        """The day of the look."""
        return self.at.date().isoformat()

    @property
    def servers_now(self) -> float:
        """Servers that run."""
        return servers_by(self.scale)(self.at)

    @cached_property
    def part(self) -> float:
        """Of what all use cases share, where traffic does not tell: the same for each."""
        return 1 / max(1, len(champion.use_cases(self.bucket)))

    @cached_property
    def spans(self) -> list[Span]:
        """The month's traffic."""
        world = World(self.use_case, servers_by(self.scale), self.began, self.part)
        return read_spans(self.bucket, world, self.at)

    @cached_property
    def began(self) -> datetime:
        """Since when something is known to have served."""
        moments = [self.champion.moved_at, *(one.at for one in self.alias.log)]
        hours = [f"{key.removeprefix(TRAFFIC)[:13]}:00:00+00:00" for key in self.bucket.keys(TRAFFIC)[:1]]
        return min(datetime.fromisoformat(one).astimezone(UTC) for one in (*moments, *hours))

    @property
    def latency(self) -> float | None:
        """Seconds within which a whole answer was declared to come."""
        declared = self.config.operations.budget.latency_seconds or self.config.scaling.latency_seconds
        return declared or (self.promise.latency_seconds if self.promise else None)

    @property
    def server_hour_price(self) -> float | None:
        """What a server costs an hour."""
        declared = self.config.scaling.server_hour_price
        return declared if declared is not None else (self.promise.replica_hour_price if self.promise else None)

    def origin(self, name: str) -> ArtifactRef | None:
        """What the champion's gate, else its adapter, was given as an argument: charter, dataset."""
        behind = [self.champion.gate]
        try:
            behind.insert(0, _one(self.store.manifest(self.champion.package).inputs.get("adapter")))
            for ref in behind:
                found = _one(self.store.manifest(ref).inputs.get(name)) if ref else None
                if found:
                    return found
        except ArtifactNotFoundError:
            return None
        return None


def read_served(store: ArtifactStore, use_case: str, config: InferencingConfig, at: datetime) -> Served | None:
    """What serves; None where there is no champion."""
    alias = champion.read_alias(store.bucket, use_case)[0]
    return Served(store, use_case, config, at, alias, alias.champion) if alias.champion else None


def read_promise(store: ArtifactStore, charter: ArtifactRef) -> Promise:
    """The figures of a charter."""
    document = json.loads(store.read(charter, "charter.json"))
    sizing, demand = document["sizing"], document["demand"]
    hours = sizing["training_device_hours"]
    return Promise(
        requests_a_day=demand["requests_a_day"],
        peak_requests_per_second=sizing["peak_requests_per_second"],
        concurrent_users=demand["concurrent_users"],
        answer_tokens=demand["answer_tokens"],
        latency_seconds=demand["latency_seconds"],
        replicas=sizing["replicas"],
        replica_tokens_per_second=sizing["replica_tokens_per_second"],
        replica_hour_price=sizing["serving_cost_a_month"] / sizing["replicas"] / HOURS_A_MONTH,
        training_hour_price=sizing["training_cost"] / hours if hours else 0.0,
        budget=document["limits"]["budget"],
        currency=document["limits"]["currency"],
    )


def servers_by(scale: Scale) -> Callable[[datetime], float]:
    """Servers that ran at a moment: those of the last change before it; all of them where nobody scales."""
    changes = [(datetime.fromisoformat(one.at), one.servers) for one in scale.changes]
    most = len(settings().triton_addresses)

    def at(moment: datetime) -> float:
        before = [servers for when, servers in changes if when <= moment]
        return float(before[-1] if before else changes[0][1] if changes else scale.servers or most)

    return at


def _one(value: ArtifactRef | list[ArtifactRef] | None) -> ArtifactRef | None:
    return value if isinstance(value, ArtifactRef) else None
