"""What serves a use case and how: champion and candidate, the traffic of the last hour, and the scale."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from include.artifacts.bucket import Bucket
from include.core.errors import CorruptedArtifactError
from include.inferencing.champion import Alias, model_prefix, read_alias
from include.inferencing.scaling.scale import SCALE, Scale, read_scale
from include.inferencing.traffic import TRAFFIC, ModelTraffic, read_traffic

HOUR = timedelta(hours=1)


class ModelSeen(NamedTuple):
    """What a model was asked in the last hour; seconds, None where nothing was measured."""

    name: str
    role: str
    requests: int
    failed: int
    empty: int
    tokens: int
    first_token: float | None
    first_token_slow: float | None
    whole: float | None
    whole_slow: float | None


class MinuteSeen(NamedTuple):
    """A minute of a use case's traffic, `ago` minutes before the look; medians, and what 95% do not exceed."""

    ago: int
    requests: int
    failed: int
    tokens: int
    first_token: float | None
    first_token_slow: float | None
    whole_slow: float | None


class Serving(NamedTuple):
    """What serves now. `in_flight` and `waiting` are the most at once in the last hour, of all use cases together;
    `servers` is a line over hours from now, each number held until the next. Of the scale, which all use cases share,
    it has no reasons and no models of others."""

    alias: Alias
    models: tuple[ModelSeen, ...]
    minutes: tuple[MinuteSeen, ...]
    refused: int
    in_flight: int
    waiting: int
    gateways: int
    scale: Scale
    servers: tuple[tuple[float, float], ...]

    @property
    def instances(self) -> int:
        """Of the champion, in each server."""
        return self.scale.instances_of(self.alias.champion.model_name) if self.alias.champion else 0


def read_serving(bucket: Bucket, use_case: str, at: datetime) -> Serving:
    """What serves at a moment, and the traffic of the hour before; raises where a document is damaged."""
    alias, _ = read_alias(bucket, use_case)
    told = list(read_traffic(bucket, at - HOUR, at + timedelta(minutes=1)))
    ours = re.compile(re.escape(model_prefix(use_case)) + r"[0-9a-f]{12}")
    by_minute: dict[str, ModelTraffic] = {}
    by_model: dict[str, ModelTraffic] = {}
    for _, minute in told:
        for name, traffic in minute.models.items():
            if ours.fullmatch(name):
                by_minute.setdefault(minute.at, ModelTraffic()).merge(traffic)
                by_model.setdefault(name, ModelTraffic()).merge(traffic)
    minutes, scale = [minute for _, minute in told], _own(read_scale(bucket), ours)
    return Serving(
        alias=alias,
        models=tuple(_model(name, alias, traffic) for name, traffic in sorted(by_model.items())),
        minutes=tuple(_minute(moment, traffic, at) for moment, traffic in sorted(by_minute.items())),
        refused=sum(sum(minute.refused.values()) for minute in minutes),
        in_flight=_most_at_once((minute.at, minute.in_flight) for minute in minutes),
        waiting=_most_at_once((minute.at, minute.waiting) for minute in minutes),
        gateways=len({gateway for gateway, _ in told}),
        scale=scale,
        servers=tuple(_servers(scale, at)),
    )


def _own(scale: Scale, ours: re.Pattern[str]) -> Scale:
    """Of the scale, what those may see who may not see other use cases."""

    def mine(instances: dict[str, int]) -> dict[str, int]:
        return {model: count for model, count in instances.items() if ours.fullmatch(model)}

    changes = tuple(
        change.model_copy(update={"instances": mine(change.instances), "reason": ""}) for change in scale.changes
    )
    return scale.model_copy(update={"instances": mine(scale.instances), "reason": "", "changes": changes})


def _servers(scale: Scale, at: datetime) -> Iterator[tuple[float, float]]:
    before: float | None = None
    for change in scale.changes:
        hours = (_moment(change.at, SCALE) - at).total_seconds() / 3600
        if before is not None:
            yield hours, before
        before = float(change.servers)
        yield hours, before
    if before is not None:
        yield 0.0, before


def role_of(name: str, alias: Alias) -> str:
    """What a model is to its use case, in a word."""
    if alias.champion and alias.champion.model_name == name:
        return "champion"
    if alias.rollout and alias.rollout.candidate.model_name == name:
        return "candidate"
    return "leaving" if any(one.model_name == name for one in alias.leaving) else "earlier"


def _model(name: str, alias: Alias, traffic: ModelTraffic) -> ModelSeen:
    first, whole = traffic.first_token, traffic.whole
    times = (first.quantile(0.5), first.quantile(0.95), whole.quantile(0.5), whole.quantile(0.95))
    counts = (traffic.requests, traffic.failed, traffic.empty, traffic.completion_tokens)
    return ModelSeen(name, role_of(name, alias), *counts, *times)


def _minute(moment: str, traffic: ModelTraffic, at: datetime) -> MinuteSeen:
    ago = int((at - _moment(moment, TRAFFIC)).total_seconds() // 60)
    first = traffic.first_token
    times = (first.quantile(0.5), first.quantile(0.95), traffic.whole.quantile(0.95))
    return MinuteSeen(ago, traffic.requests, traffic.failed, traffic.completion_tokens, *times)


def _most_at_once(counted: Iterable[tuple[str, int]]) -> int:
    """The largest sum over the gateways of a minute."""
    found: dict[str, int] = {}
    for minute, count in counted:
        found[minute] = found.get(minute, 0) + count
    return max(found.values(), default=0)


def _moment(told: str, source: str) -> datetime:
    moment = datetime.fromisoformat(told)
    if moment.tzinfo is None:
        problem, remedy = "a moment without a time zone", "Delete the document: it is written anew"
        raise CorruptedArtifactError(source, told, problem, remedy)
    return moment
