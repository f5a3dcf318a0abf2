"""What traffic documents say for a decision: arrivals a minute, capacity as measured, how old they are."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from include.inferencing.scaling.capacity import Capacity, Sample, measured, sigma_of
from include.inferencing.scaling.decide import HISTORY, ModelLoad, Observed
from include.inferencing.scaling.scale import Scale
from include.inferencing.traffic import BOUNDS, Minute, ModelTraffic, Times, minute_of

# minutes that a season is averaged over, before and after
AROUND = 2
DAY = timedelta(days=1)
# fewer answers say nothing of their spread
LEAST_ANSWERS = 20


@dataclass
class _Together:
    """All gateways' minutes of one minute; each model's traffic, a gateway an entry."""

    asked: int = 0
    waiting: int = 0
    models: dict[str, list[ModelTraffic]] = field(default_factory=dict)


def observe(
    minutes: Sequence[Minute],
    season: Sequence[Minute],
    scale: Scale,
    now: datetime,
    declared: Mapping[str, Capacity],
    share: Mapping[str, float],
    ahead_seconds: float,
    written: datetime | None = None,
    failed: int = 0,
) -> Observed:
    """What the gateways' `minutes` of the last hour, and of the same time on other days, say of `declared` models.

    `share` is each model's declared share of answers in time; `written` when gateways wrote last, None: never.
    """
    found = _together(minutes)
    this = minute_of(now)
    past = [minute_of(now - timedelta(minutes=back)) for back in range(HISTORY, 0, -1)]
    while past and past[0] not in found:
        past.pop(0)
    parts = _parts(found, declared)
    gaps = [back for back, at in enumerate(reversed(past)) if at not in found]
    asked = [found[at].asked / 60 if at in found else 0.0 for at in past]
    present = found.get(this, _Together())
    rates = _season(season, now, ahead_seconds)
    return Observed(
        {
            model: ModelLoad(
                _capacity(model, capacity, found, past, scale, share.get(model, 0.95)),
                tuple(rate * parts[model] for rate in asked),
                round(present.asked * parts[model]),
                round(present.waiting * parts[model]),
                (rates[0] * parts[model], rates[1] * parts[model]) if rates else None,
            )
            for model, capacity in declared.items()
        },
        second=now.second + now.microsecond / 1e6,
        age=(now - written).total_seconds() if written else math.inf,
        failed=failed,
        seen=gaps[0] if gaps else len(past),
    )


def _together(minutes: Sequence[Minute]) -> dict[str, _Together]:
    found: dict[str, _Together] = {}
    for minute in minutes:
        whole = found.setdefault(minute.at, _Together())
        whole.asked += minute.arrived
        whole.waiting += minute.waiting
        for model, traffic in minute.models.items():
            whole.models.setdefault(model, []).append(traffic)
    return found


def _parts(found: Mapping[str, _Together], declared: Mapping[str, Capacity]) -> dict[str, float]:
    """Each model's share of the requests in the last ten minutes with any; arrivals are not counted by model."""
    counts = dict.fromkeys(declared, 0)
    for at in sorted(found)[-10:]:
        for model in counts:
            counts[model] += sum(traffic.requests for traffic in found[at].models.get(model, ()))
    total = sum(counts.values())
    return {model: count / total if total else 1 / len(counts) for model, count in counts.items()}


def _capacity(
    model: str, declared: Capacity, found: Mapping[str, _Together], past: Sequence[str], scale: Scale, share: float
) -> Capacity:
    minutes = [(at, found[at].models[model]) for at in past if at in found and model in found[at].models]
    every = [traffic for _, parts in minutes for traffic in parts]
    answers = sum(traffic.whole.count for traffic in every)
    samples = [sample for at, parts in minutes if (sample := _sample(parts, engines_at(scale, at, model)))]
    if answers < LEAST_ANSWERS or not samples:
        return declared
    fitted = measured(declared, samples)
    streams = sum(s.streams * s.tokens for s in samples) / sum(s.tokens for s in samples)
    whole = Times()
    for traffic in every:
        whole.merge(traffic.whole)
    first, queue = _mean([t.first_token for t in every]), _mean([t.queue for t in every])
    return fitted._replace(
        prompt=max(0.0, first - queue - fitted.step(streams)),
        tokens=max(1.0, sum(traffic.completion_tokens for traffic in every) / answers),
        sigma=sigma_of(_quantile(whole, share) / max(1e-9, whole.total / whole.count), share),
    )


def _sample(parts: Sequence[ModelTraffic], engines: int) -> Sample | None:
    gaps = sum(traffic.token_gap.count for traffic in parts)
    if not gaps:
        return None
    under_way = sum(traffic.whole.total - traffic.queue.total for traffic in parts) / 60
    return Sample(max(1.0, under_way / engines), sum(traffic.token_gap.total for traffic in parts) / gaps, gaps)


def engines_at(scale: Scale, at: str, model: str) -> int:
    """Instances of a model in all servers in the minute that `at` begins."""
    end = datetime.fromisoformat(at).astimezone(UTC) + timedelta(minutes=1)
    before = [change for change in scale.changes if datetime.fromisoformat(change.at) < end]
    if before:
        return max(1, before[-1].servers * before[-1].instances.get(model, 1))
    return max(1, scale.servers * scale.instances_of(model)) if not scale.changes else 1


def _mean(times: Sequence[Times]) -> float:
    count = sum(one.count for one in times)
    return sum(one.total for one in times) / count if count else 0.0


def _quantile(times: Times, share: float) -> float:
    """The time within which `share` of them lie, the bins taken as evenly filled: their upper bounds alone are a third
    too long."""
    wanted, seen, below = share * times.count, 0, 0.0
    for count, bound in zip(times.counts, (*BOUNDS, BOUNDS[-1] * 2), strict=True):
        if count and seen + count >= wanted:
            return below + (bound - below) * (wanted - seen) / count
        seen, below = seen + count, bound
    return below


def _season(minutes: Sequence[Minute], now: datetime, ahead: float) -> tuple[float, float] | None:
    """The rate at this time and `ahead` seconds later on other days: the largest of those days' means."""
    if not minutes:
        return None
    asked: dict[str, int] = {}
    for minute in minutes:
        asked[minute.at] = asked.get(minute.at, 0) + minute.arrived
    days = {(now.date() - datetime.fromisoformat(at).date()).days for at in asked}

    def rate(moment: datetime) -> float:
        around = [minute_of(moment + timedelta(minutes=shift)) for shift in range(-AROUND, AROUND + 1)]
        return sum(asked.get(at, 0) for at in around) / 60 / len(around)

    pairs = [(rate(now - day * DAY), rate(now - day * DAY + timedelta(seconds=ahead))) for day in days if day > 0]
    return max(pairs, key=lambda pair: pair[1], default=None)
