"""What traffic documents say for a decision: arrivals a minute, capacity as measured, how old they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from include.inferencing.scaling.capacity import Capacity, Sample, measured, sigma_of
from include.inferencing.scaling.decide import ModelLoad, Observed
from include.inferencing.scaling.scale import Scale
from include.inferencing.traffic import BOUNDS, Minute, ModelTraffic, Times, minute_of

# minutes that the trend and the capacity are read from, and those a season is averaged over, before and after
HISTORY, AROUND = 60, 2
DAY = timedelta(days=1)
# fewer answers say nothing of their spread
LEAST_ANSWERS = 20


@dataclass
class _Together:
    """All gateways' minutes of one minute."""

    asked: int
    waiting: int
    models: dict[str, ModelTraffic]


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
    asked = [found[at].asked / 60 if at in found else 0.0 for at in past]
    present = found.get(this, _Together(0, 0, {}))
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
        age=(now - written).total_seconds() if written else 0.0,
        failed=failed,
    )


def _together(minutes: Sequence[Minute]) -> dict[str, _Together]:
    found: dict[str, _Together] = {}
    for minute in minutes:
        whole = found.setdefault(minute.at, _Together(0, 0, {}))
        whole.asked += minute.arrived
        whole.waiting += minute.waiting
        for model, traffic in minute.models.items():
            whole.models.setdefault(model, ModelTraffic()).merge(traffic)
    return found


def _parts(found: Mapping[str, _Together], declared: Mapping[str, Capacity]) -> dict[str, float]:
    """Each model's share of the requests in the last ten minutes with any; arrivals are not counted by model."""
    counts = dict.fromkeys(declared, 0)
    for at in sorted(found)[-10:]:
        for model in counts:
            counts[model] += found[at].models.get(model, ModelTraffic()).requests
    total = sum(counts.values())
    return {model: count / total if total else 1 / len(counts) for model, count in counts.items()}


def _capacity(
    model: str, declared: Capacity, found: Mapping[str, _Together], past: Sequence[str], scale: Scale, share: float
) -> Capacity:
    samples, whole = [], ModelTraffic()
    for at in past:
        traffic = found[at].models.get(model) if at in found else None
        if traffic is None:
            continue
        whole.merge(traffic)
        if traffic.token_gap.count:
            under_way = max(0.0, traffic.whole.total - traffic.queue.total) / 60
            streams = max(1.0, under_way / engines_at(scale, at, model))
            gap = traffic.token_gap.total / traffic.token_gap.count
            samples.append(Sample(streams, gap, traffic.token_gap.count))
    if whole.whole.count < LEAST_ANSWERS:
        return declared
    fitted = measured(declared, samples)
    tokens = max(1.0, whole.completion_tokens / whole.whole.count)
    streams = sum(s.streams * s.tokens for s in samples) / sum(s.tokens for s in samples) if samples else 1.0
    prompt = _mean(whole.first_token) - _mean(whole.queue) - fitted.step(streams)
    spread = _quantile(whole.whole, share) / max(1e-9, _mean(whole.whole))
    return fitted._replace(prompt=max(0.0, prompt), tokens=tokens, sigma=sigma_of(spread, share))


def engines_at(scale: Scale, at: str, model: str) -> int:
    """Instances of a model in all servers in the minute that `at` begins."""
    end = datetime.fromisoformat(at).astimezone(UTC) + timedelta(minutes=1)
    before = [change for change in scale.changes if datetime.fromisoformat(change.at) < end]
    if before:
        return max(1, before[-1].servers * before[-1].instances)
    return max(1, scale.servers * scale.instances_of(model)) if not scale.changes else 1


def _mean(times: Times) -> float:
    return times.total / times.count if times.count else 0.0


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
