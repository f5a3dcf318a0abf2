"""What serving and training have cost, beside the charter's budget."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.artifacts.bucket import Bucket
from include.artifacts.history import RUNS, RunRecord
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.core.errors import ArtifactNotFoundError
from include.inferencing.operations.served import HOURS_A_MONTH, Served, servers_by
from include.inferencing.operations.spans import MONTH, Span, merged, since

WINDOWS = {"24 h": timedelta(days=1), "7 d": timedelta(days=7), "30 d": MONTH}
MADE_IN = ("training.", "customization.")
READERS = 8
MINUTE = timedelta(minutes=1)


class Spent(BaseModel):
    """What a window cost; money in the charter's currency, None where no price is known."""

    model_config = ConfigDict(frozen=True)
    server_hours: float = Field(description="Of all servers, whoever used them.")
    part: float = Field(description="Of the servers, that this use case is charged: its part of all tokens.")
    serving: float | None
    training: float | None
    device_hours: float = Field(description="Of training and customization that began to exist in the window.")
    prompt_tokens: int
    completion_tokens: int
    tenants: dict[str, int] = Field(description="Tokens by tenant.")

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def per_thousand(self) -> float | None:
        """Serving's cost of a thousand tokens."""
        return 1000 * self.serving / self.tokens if self.serving is not None and self.tokens else None


class CostLook(BaseModel):
    """What a look found."""

    model_config = ConfigDict(frozen=True)
    windows: dict[str, Spent]
    hours: float = Field(description="Hours of the longest window in which something served.")
    budget: float | None = Field(description="The charter's: a training run and a month of serving.")
    currency: str
    server_hour_price: float | None

    @property
    def month(self) -> float | None:
        """Serving for a month at the window's pace, and what training cost in it."""
        spent = self.windows["30 d"]
        if spent.serving is None:
            return None
        return spent.serving / max(self.hours, 1.0) * HOURS_A_MONTH + (spent.training or 0.0)

    @property
    def over(self) -> bool:
        """Whether a month costs more than the budget."""
        return self.month is not None and self.budget is not None and self.month > self.budget


def measure_cost(served: Served) -> CostLook:
    """Count servers, tokens and device seconds, and price them."""
    records = _made(served.bucket, served.use_case, served.at - MONTH)
    promise = served.promise
    return CostLook(
        windows={name: _spent(served, served.at - length, records) for name, length in WINDOWS.items()},
        hours=round((served.at - max(served.began, served.at - MONTH)).total_seconds() / 3600, 2),
        budget=promise.budget if promise else None,
        currency=promise.currency if promise else "",
        server_hour_price=served.server_hour_price,
    )


@step("report")
def cost(work: Workspace, found: CostLook, day: str) -> None:
    """A look on a day, as cost.json and a page.

    metrics: what a month costs at the present pace, training in it included, beside the charter's budget; over_budget.
    """
    month, week = found.month, found.windows["7 d"]
    work.metrics["month"] = None if month is None else round(month, 4)
    work.metrics |= {"budget": found.budget, "currency": found.currency, "over_budget": found.over}
    work.metrics |= {"tokens_7_days": week.tokens, "per_thousand_tokens": week.per_thousand}
    (work.output / "cost.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    page = Report(f"Cost, {day}")
    if month is not None and found.budget is not None:
        page.verdict(not found.over, _beside_budget(found, month))
    cost_page(page, found).write(work.output)


def cost_page(page: Report, found: CostLook) -> Report:
    """Windows and tenants, below what the page has."""
    if found.server_hour_price is None:
        page.text(
            "No price is known: the champion names no charter. Set inferencing.scaling.server_hour_price, or deploy "
            "from a run of the workflow."
        )
    rows = [
        (
            name,
            round(one.server_hours, 2),
            f"{one.part:.0%}",
            _money(one.serving),
            _money(one.training),
            one.prompt_tokens,
            one.completion_tokens,
            _money(one.per_thousand),
        )
        for name, one in found.windows.items()
    ]
    headers = ["window", "server hours", "charged", f"serving, {found.currency}", f"training, {found.currency}"]
    headers += ["tokens read", "tokens written", "per 1,000 tokens"]
    page.table(headers, rows, "What it cost")
    week = found.windows["7 d"]
    if week.tenants:
        price = week.per_thousand
        tenants = [
            (name, tokens, f"{tokens / max(1, week.tokens):.1%}", _money(price and price * tokens / 1000))
            for name, tokens in sorted(week.tenants.items(), key=lambda pair: -pair[1])
        ]
        page.table(["tenant", "tokens", "part", f"serving, {found.currency}"], tenants, "By tenant, 7 days")
    page.text(
        "Servers are charged by each use case's part of all tokens, evenly where there are none. Training is what its "
        "steps took on the charter's devices; what was reused cost nothing again."
    )
    return page


def _beside_budget(found: CostLook, month: float) -> str:
    rest = f"the charter's budget is {found.budget:,.2f}"
    remedy = ": lower inferencing.scaling.ceiling, or ask for a larger budget" if found.over else ""
    return f"A month costs {month:,.2f} {found.currency} at this pace, training included; {rest}{remedy}"


def _money(value: float | None) -> object:
    return "" if value is None else round(value, 4)


def _spent(served: Served, first: datetime, records: Sequence[RunRecord]) -> Spent:
    spans = since(served.spans, first)
    traffic = merged(one for span in spans for one in span.models.values())
    everything, mine = sum(span.all_tokens for span in spans), traffic.prompt_tokens + traffic.completion_tokens
    part = mine / everything if everything else served.part
    hours = server_hours(served, spans, first)
    seconds = sum(_device_seconds(one) for one in records if datetime.fromisoformat(one.at) >= first)
    price, promise = served.server_hour_price, served.promise
    return Spent(
        server_hours=round(hours, 4),
        part=round(part, 4),
        serving=None if price is None else hours * part * price,
        training=None if promise is None else seconds / 3600 * promise.training_hour_price,
        device_hours=round(seconds / 3600, 4),
        prompt_tokens=traffic.prompt_tokens,
        completion_tokens=traffic.completion_tokens,
        tenants=dict(sorted(traffic.tenants.items())),
    )


def server_hours(served: Served, spans: Sequence[Span], first: datetime) -> float:
    """Hours of all servers: as kept hour by hour, then minute by minute, quiet ones too, up to the look."""
    kept = [span for span in spans if span.seconds == 3600]
    found = sum(span.servers for span in kept)
    moment = kept[-1].moment + timedelta(hours=1) if kept else max(first, served.began)
    at = servers_by(served.scale)
    while moment < served.at:
        found += at(moment) * min(MINUTE, served.at - moment) / timedelta(hours=1)
        moment += MINUTE
    return found


def _made(bucket: Bucket, use_case: str, first: datetime) -> list[RunRecord]:
    """What steps of training and customization have made since a moment."""
    base = f"{RUNS}{use_case}/"
    keys = [
        item.key
        for item in bucket.objects(base)
        if item.modified >= first and item.key.removeprefix(base).startswith(MADE_IN)
    ]
    with ThreadPoolExecutor(READERS) as pool:
        found = [record for record in pool.map(lambda key: _record(bucket, key), keys) if record]
    # a retry, and a run that reused it, name the same artifact: it was made once
    return list({record.ref.prefix: record for record in found if not record.reused}.values())


def _record(bucket: Bucket, key: str) -> RunRecord | None:
    try:
        return RunRecord.model_validate_json(bucket.get_bytes(key)[0])
    except (ArtifactNotFoundError, ValidationError):
        return None


def _device_seconds(record: RunRecord) -> float:
    """As metered; of a step that does not meter, its time on one device."""
    return float(record.metrics.get("device_seconds") or record.seconds)
