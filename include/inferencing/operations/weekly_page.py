"""The week for people: traffic, latency, error budget, cost, drift, rollouts, feedback and what was asked for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from include.artifacts.document import ALIASES, Document
from include.artifacts.outcome import Outcome, reused
from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.feedback.said import read_said
from include.inferencing.champion import Transition
from include.inferencing.learning.retraining import Request, Requests, document_key
from include.inferencing.operations.cost import CostLook, cost_page, measure_cost
from include.inferencing.operations.drift import DriftLook, drift_page, last_drift
from include.inferencing.operations.error_budget import BudgetLook, budget_page, look_at_budget
from include.inferencing.operations.served import Served
from include.inferencing.operations.spans import Span, merged

WEEK = timedelta(days=7)
MANY = 10_000


class Day(BaseModel):
    """One day's traffic, or a week's; seconds."""

    model_config = ConfigDict(frozen=True)
    name: str
    requests: int
    failed: float
    tokens: int
    first_token: float | None
    slowest: float | None


class Feedback(BaseModel):
    """What was said of the week's answers."""

    model_config = ConfigDict(frozen=True)
    up: int
    down: int
    corrections: int


class WeekLook(BaseModel):
    """All that the page shows."""

    model_config = ConfigDict(frozen=True)
    use_case: str
    week: str
    first: str
    last: str
    champion: str
    days: tuple[Day, ...]
    total: Day
    before: Day
    budget: BudgetLook
    cost: CostLook
    drift: DriftLook | None
    rollouts: tuple[Transition, ...]
    feedback: Feedback
    asked: tuple[Request, ...]


def make_weekly_page(served: Served, *, now: bool) -> Outcome | None:
    """The page of the last whole ISO week (UTC), made once; with `now`, of the week so far.

    None before something has served in a week that has ended. `aliases/<use case>/weekly.json` names the pages, so that
    a retention keeps them.
    """
    today = served.at.replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    if now:
        return weekly_page.run(served.store, {"found": look_at_week(served, monday, served.at)})
    first = monday - WEEK
    pages = Document(served.bucket, f"{ALIASES}{served.use_case}/weekly.json")
    while True:
        value, version = pages.read()
        made = dict(value or {})
        if week_of(first) in made:
            return reused(served.store.manifest(ArtifactRef.model_validate(made[week_of(first)])))
        if served.began >= monday:
            return None
        found = look_at_week(replace(served, at=monday), first, monday)
        outcome = weekly_page.run(served.store, {"found": found})
        if pages.swap(made | {week_of(first): outcome.ref.model_dump(mode="json")}, version):
            return outcome


def week_of(moment: datetime) -> str:
    """The ISO week: 2026-W48."""
    year, week, _ = moment.isocalendar()
    return f"{year}-W{week:02}"


def look_at_week(served: Served, first: datetime, last: datetime) -> WeekLook:
    """What happened in [first, last); `served` looks at the moment `last`."""
    days = [first + timedelta(days=n) for n in range(7) if first + timedelta(days=n) < last]
    said = [
        one
        for one in read_said(served.bucket, served.use_case, last, first.date().isoformat())
        if first <= datetime.fromisoformat(one.answered_at) < last
    ]
    requests = Requests.model_validate(Document(served.bucket, document_key(served.use_case)).read()[0] or {})
    thumbs = [one.thumb for one in said]
    return WeekLook(
        use_case=served.use_case,
        week=week_of(first),
        first=first.date().isoformat(),
        last=(last - timedelta(seconds=1)).date().isoformat(),
        champion=served.champion.model_name,
        days=tuple(_day(f"{day:%a %d}", _within(served.spans, day, day + timedelta(days=1))) for day in days),
        total=_day("this week", _within(served.spans, first, last)),
        before=_day("the week before", _within(served.spans, first - WEEK, first)),
        budget=look_at_budget(served),
        cost=measure_cost(served),
        drift=last_drift(served.bucket, served.use_case),
        rollouts=tuple(one for one in served.alias.log if first <= datetime.fromisoformat(one.at) < last),
        feedback=Feedback(
            up=thumbs.count("up"), down=thumbs.count("down"), corrections=sum(bool(one.correction) for one in said)
        ),
        asked=tuple(one for one in requests.requests if first <= datetime.fromisoformat(one.at) < last),
    )


@step("report")
def weekly_page(work: Workspace, found: WeekLook) -> None:
    """The week as week.json and the page. metrics: requests, failed ones and tokens of the week, and the verdict."""
    work.metrics |= {"week": found.week, "requests": found.total.requests, "failed": round(found.total.failed, 1)}
    work.metrics |= {"tokens": found.total.tokens, "verdict": found.budget.verdict}
    (work.output / "week.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    page = Report(f"{found.use_case}: week {found.week}, {found.first} to {found.last}")
    page.verdict(found.budget.passed and not found.cost.over, _summary(found))
    _traffic(page, found)
    budget_page(page, found.budget)
    cost_page(page, found.cost)
    page.text(f"As last looked at: {found.drift.verdict}" if found.drift else "Not looked at yet.", "Drift")
    if found.drift:
        drift_page(page, found.drift)
    _events(page, found)
    page.write(work.output)


def _summary(found: WeekLook) -> str:
    total, before, money = found.total, found.before, found.cost.windows["7 d"].serving
    change = f" ({total.requests / before.requests - 1:+.0%} on the week before)" if before.requests else ""
    spent = f", serving cost {money:.2f} {found.cost.currency}" if money is not None else ""
    drift = "drift is shown" if found.drift and found.drift.drifted else "no drift is shown"
    return f"{total.requests:,} requests{change}{spent}; {drift}; {found.budget.verdict}"


def _traffic(page: Report, found: WeekLook) -> None:
    rows = [
        (one.name, one.requests, round(one.failed, 1), one.tokens, _seconds(one.first_token), _seconds(one.slowest))
        for one in (found.total, found.before, *found.days)
    ]
    headers = ["", "requests", "not answered", "tokens written", "first token, s (median)", "whole answer, s (95%)"]
    page.table(headers, rows, "Traffic and latency")
    bins = [one.name for one in found.days]
    many = max(one.requests for one in found.days) >= MANY
    counts = [one.requests / (1000 if many else 1) for one in found.days]
    page.columns(bins, {"thousands of requests" if many else "requests": counts}, "Requests a day")
    page.columns(
        bins,
        {
            "first token, median": [one.first_token or 0.0 for one in found.days],
            "whole answer, 95%": [one.slowest or 0.0 for one in found.days],
        },
        "Seconds to an answer",
    )


def _events(page: Report, found: WeekLook) -> None:
    rollouts = [(one.at[:16], one.what, one.model_name, f"{one.share:.0%}", one.reason) for one in found.rollouts]
    page.text(f"{found.champion} serves.", "Rollouts")
    if rollouts:
        page.table(["when (UTC)", "what", "model", "share", "why"], rollouts)
    said = found.feedback
    page.table(["thumbs up", "thumbs down", "corrections"], [(said.up, said.down, said.corrections)], "What users said")
    if found.asked:
        asked = [(one.at[:16], one.run_id, one.reason, one.closed or "under way") for one in found.asked]
        page.table(["when (UTC)", "run", "why", "how it ended"], asked, "Training that was asked for")
    else:
        page.text("None.", "Training that was asked for")


def _day(name: str, spans: Sequence[Span]) -> Day:
    traffic = merged(one for span in spans for one in span.models.values())
    refused = sum(count for span in spans for code, count in span.refused.items() if code >= "500")
    return Day(
        name=name,
        requests=traffic.requests,
        failed=traffic.failed + refused,
        tokens=traffic.completion_tokens,
        first_token=traffic.first_token.quantile(0.5),
        slowest=traffic.whole.quantile(0.95),
    )


def _within(spans: Sequence[Span], first: datetime, last: datetime) -> list[Span]:
    return [span for span in spans if first <= span.moment < last]


def _seconds(value: float | None) -> object:
    return "" if value is None else round(value, 3)
