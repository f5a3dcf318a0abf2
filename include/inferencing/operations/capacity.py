"""What of serving is used, what is left, and when it will be full."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.inferencing.operations.served import Promise, Served
from include.inferencing.operations.spans import MONTH, Span, merged, since
from include.inferencing.operations.trend import LEAST_DAYS, trend
from include.inferencing.scaling.capacity import Capacity, Sample, measured

YEAR = 365
WINDOWS = {"1 h": timedelta(hours=1), "24 h": timedelta(days=1), "7 d": timedelta(days=7), "30 d": MONTH}


class Use(BaseModel):
    """What was used in a window; rates are a second, peaks of the busiest minute."""

    model_config = ConfigDict(frozen=True)
    requests: int
    tokens: int
    mean_requests: float
    peak_requests: float
    peak_tokens: float
    in_flight: int
    waiting: int
    first_token: float | None = Field(description="Seconds, median.")
    slowest: float | None = Field(description="Seconds of a whole answer that 95% do not exceed.")


class CapacityLook(BaseModel):
    """Use and what there is of it; `None` where it is not known."""

    model_config = ConfigDict(frozen=True)
    use: dict[str, Use]
    promise: Promise | None
    servers: int
    instances: int
    most_servers: int
    places: int = Field(description="Answers at once that the loaded instances take.")
    places_in_time: int = Field(description="Of those, that come within the declared latency.")
    ceiling_tokens: float = Field(description="Tokens a second of the running servers at these places, as measured.")
    ceiling_requests: float = Field(description="Answers a second.")
    minutes_measured: int = Field(description="With traffic, that the ceiling rests on; 0: on the configuration.")
    days: dict[str, float] = Field(description="Day -> answers a second of its busiest minute.")
    days_left: float | None = Field(description="Until the ceiling of all servers at the present trend.")
    trend: str

    @property
    def load(self) -> float:
        """Part of the ceiling that the last day's busiest minute used."""
        return self.use["24 h"].peak_requests / self.ceiling_requests if self.ceiling_requests else 0.0


def measure_capacity(served: Served) -> CapacityLook:
    """Count the use, and measure what an engine yields on the minutes with traffic."""
    scale, config = served.scale, served.config.scaling
    model = served.champion.model_name
    limits = served.store.manifest(served.champion.package).metrics.get("limits") or {}
    most = int(limits.get("max_sequences", 64))
    instances = scale.instances_of(model)
    servers = round(served.servers_now)
    engines = max(1, servers * instances)
    declared = Capacity(config.step_seconds, config.stream_seconds, config.prompt_seconds, _answer(served), most)
    samples = [sample for span in served.spans if span.seconds == 60 for sample in _samples(span, engines)]
    engine = measured(declared, samples)
    in_time = max(1, engine.places(1 - config.target_share, served.latency or 1e9, config.first_token_seconds))
    days = _days(served)
    rate = engine.rate(in_time) * engines
    direction = trend(list(days.values()))
    left = direction.days_until(rate / max(1, servers) * max(servers, config.ceiling)) if direction else None
    return CapacityLook(
        use={name: _use(since(served.spans, served.at - length), length) for name, length in WINDOWS.items()},
        promise=served.promise,
        servers=servers,
        instances=instances,
        most_servers=max(servers, config.ceiling),
        places=most * engines,
        places_in_time=in_time * engines,
        ceiling_tokens=round(rate * engine.tokens, 2),
        ceiling_requests=round(rate, 4),
        minutes_measured=len(samples),
        days=days,
        days_left=round(left, 1) if left is not None else None,
        trend=f"fewer than {LEAST_DAYS} whole days: no trend is told"
        if direction is None
        else f"{direction.slope:+.3g} answers a second and day (p = {direction.p:.2g})",
    )


@step("report")
def capacity(work: Workspace, found: CapacityLook, day: str) -> None:
    """A look on a day, as capacity.json and a page.

    metrics: load, the part of the ceiling that the last day's busiest minute used; requests and tokens of 24 h.
    """
    last = found.use["24 h"]
    work.metrics |= {"load": round(found.load, 4), "requests": last.requests, "tokens": last.tokens}
    work.metrics |= {"servers": found.servers, "waiting": last.waiting, "days_left": found.days_left}
    (work.output / "capacity.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    capacity_page(Report(f"Capacity, {day}"), found).write(work.output)


def capacity_page(page: Report, found: CapacityLook) -> Report:
    """Used, left and promised, below what the page has."""
    left = found.days_left
    until = "no rise is shown" if left is None else f"{left:g} days" if left <= YEAR else "more than a year"
    rows: list[tuple[str, object]] = [
        ("servers, and most of them", f"{found.servers} of {found.most_servers}"),
        ("instances of the model in each", found.instances),
        ("answers at once: places, and those in time", f"{found.places}, {found.places_in_time}"),
        ("ceiling now, answers a second", found.ceiling_requests),
        ("ceiling now, tokens a second", found.ceiling_tokens),
        ("part of it used in the last day's busiest minute", f"{found.load:.1%}"),
        ("minutes of traffic it is measured on", found.minutes_measured or "none: the configuration's figures"),
        ("until all servers are full, at the present trend", until),
        ("trend of the busiest minute", found.trend),
    ]
    page.table(["capacity", "value"], rows, "What is left")
    page.table(
        ["window", "requests", "tokens", "requests/s", "in its busiest minute", "tokens/s in it", "in flight",
         "waiting", "first token, s", "95% whole, s"],
        [(name, *_row(use)) for name, use in found.use.items()],
        "What is used",
    )  # fmt: skip
    if found.promise:
        page.table(["figure", "charter", "measured"], _beside(found, found.promise), "Beside the charter")
    if found.days:
        shown = {"answers a second": list(found.days.values())}
        page.columns([day[8:] for day in found.days], shown, "Busiest minute of each day", "day of the month")
    return page


def _row(use: Use) -> tuple[object, ...]:
    times = (use.first_token, use.slowest)
    told = ("" if one is None else round(one, 3) for one in times)
    rates = (round(use.mean_requests, 4), round(use.peak_requests, 3), round(use.peak_tokens, 1))
    return (use.requests, use.tokens, *rates, use.in_flight, use.waiting, *told)


def _beside(found: CapacityLook, promise: Promise) -> list[tuple[str, object, object]]:
    day, whole = found.use["24 h"], found.use["30 d"]
    answer = round(whole.tokens / whole.requests, 1) if whole.requests else ""
    yields = round(found.ceiling_tokens / max(1, found.servers), 1)
    return [
        ("requests a day", promise.requests_a_day, day.requests),
        ("answers a second at the peak", round(promise.peak_requests_per_second, 4), round(day.peak_requests, 4)),
        ("answers at once", promise.concurrent_users, day.in_flight),
        ("tokens of an answer", promise.answer_tokens, answer),
        ("replicas", promise.replicas, found.servers),
        ("tokens a second of a replica", round(promise.replica_tokens_per_second, 1), yields),
        (
            "seconds of a whole answer (95%)",
            promise.latency_seconds,
            "" if day.slowest is None else round(day.slowest, 3),
        ),
    ]


def _use(spans: Sequence[Span], length: timedelta) -> Use:
    traffic = merged(one for span in spans for one in span.models.values())
    return Use(
        requests=traffic.requests,
        tokens=traffic.completion_tokens,
        mean_requests=traffic.requests / length.total_seconds(),
        peak_requests=max((span.peak_requests for span in spans), default=0.0),
        peak_tokens=max((span.peak_tokens for span in spans), default=0.0),
        in_flight=max((span.in_flight for span in spans), default=0),
        waiting=max((span.waiting for span in spans), default=0),
        first_token=traffic.first_token.quantile(0.5),
        slowest=traffic.whole.quantile(0.95),
    )


def _answer(served: Served) -> float:
    whole = merged(one for span in served.spans for one in span.models.values())
    if whole.whole.count:
        return max(1.0, whole.completion_tokens / whole.whole.count)
    return float(served.promise.answer_tokens) if served.promise else 96.0


def _samples(span: Span, engines: int) -> list[Sample]:
    traffic = span.traffic
    if not traffic.token_gap.count:
        return []
    streams = max(1.0, (traffic.whole.total - traffic.queue.total) / span.seconds / engines)
    return [Sample(streams, traffic.token_gap.total / traffic.token_gap.count, traffic.token_gap.count)]


def _days(served: Served) -> dict[str, float]:
    """The busiest minute of each whole day since there was traffic."""
    found: dict[str, float] = {}
    for span in served.spans:
        day = span.at[:10]
        if day < served.at.date().isoformat() and (found or span.peak_requests):
            found[day] = max(found.get(day, 0.0), span.peak_requests)
    return {day: round(value, 4) for day, value in found.items()}
