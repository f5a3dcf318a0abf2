"""Hold what was answered against the objectives: what of the error budget is spent, and how fast it burns."""

from pydantic import BaseModel, ConfigDict, Field

from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.inferencing.operations.budget import Budget, write_budget
from include.inferencing.operations.burn import PERIOD, Objective, answered, in_time
from include.inferencing.operations.served import Served

DO = {
    "page": "Look now: the task probe, the gateway's log, Triton's log; `genai rollback` brings the champion before "
    "back where it began with a rollout",
    "ticket": "Look within days: the budget would be gone before the month is",
    "burnt": "Nothing new is rolled out until it recovers: find what fails, or go back",
}


class Alert(BaseModel):
    """A rule that holds."""

    model_config = ConfigDict(frozen=True)
    objective: str
    severity: str
    windows: str
    rate: float
    burn: float


class BudgetLook(BaseModel):
    """What a look found."""

    model_config = ConfigDict(frozen=True)
    objectives: tuple[Objective, ...]
    latency_seconds: float | None
    least_requests: int
    alerts: tuple[Alert, ...]
    burnt: tuple[str, ...] = Field(description="Objectives whose budget is spent, beyond chance.")
    freeze: bool

    @property
    def passed(self) -> bool:
        """Whether nothing wants a person now."""
        return not self.burnt and all(alert.severity != "page" for alert in self.alerts)

    @property
    def verdict(self) -> str:
        """What was found, and what to do."""
        said = [f"{alert.objective} burns {alert.burn:.1f} times too fast ({alert.windows})" for alert in self.alerts]
        said += [f"the budget of {name} is burnt" for name in self.burnt]
        worst = "burnt" if self.burnt else "page" if not self.passed else "ticket"
        return f"{'; '.join(said)}. {DO[worst]}" if said else "within its objectives"


def measure_error_budget(served: Served) -> BudgetLook:
    """Look; where the budget is burnt, `serving/<use case>/budget.json` freezes rollouts."""
    look = look_at_budget(served)
    frozen = bool(look.burnt) and look.freeze
    spent = {one.name: round(one.spent, 4) for one in look.objectives}
    at = served.at.isoformat()
    reason = f"the error budget of {', '.join(look.burnt)} is burnt (look of {at[:16]})" if frozen else ""
    write_budget(served.bucket, served.use_case, Budget(at=at, frozen=frozen, reason=reason, spent=spent))
    return look


def look_at_budget(served: Served) -> BudgetLook:
    """Count the windows."""
    config = served.config.operations.budget
    objectives = [answered(served.spans, served.at, config.answered)]
    if served.latency:
        objectives.append(in_time(served.spans, served.at, config.in_time, served.latency))
    alerts = [
        Alert(
            objective=one.name,
            severity=rule.severity,
            windows=f"{rule.long} and {rule.short}",
            rate=rule.rate,
            burn=round(min(one.burn(rule.long), one.burn(rule.short)), 2),
        )
        for one in objectives
        for rule in one.alerts(config.least_requests)
    ]
    return BudgetLook(
        objectives=tuple(objectives),
        latency_seconds=served.latency,
        least_requests=config.least_requests,
        alerts=tuple(alerts),
        burnt=tuple(one.name for one in objectives if one.burnt),
        freeze=config.freeze,
    )


@step("report")
def error_budget(work: Workspace, found: BudgetLook, day: str) -> None:
    """A look on a day, as error_budget.json and a page.

    metrics: the part of each objective's budget that is spent in 30 days, requests counted; passed is False where a
    page is due or a budget is burnt, and the verdict says what to do.
    """
    for one in found.objectives:
        work.metrics[f"{one.name.replace(' ', '_')}_budget_spent"] = round(one.spent, 4)
    work.metrics["requests"] = round(found.objectives[0].counts[PERIOD].total)
    work.metrics["alerts"] = len(found.alerts)
    work.metrics |= {"frozen": bool(found.burnt) and found.freeze, "passed": found.passed, "verdict": found.verdict}
    (work.output / "error_budget.json").write_text(found.model_dump_json(indent=1), encoding="utf-8")
    budget_page(Report(f"Error budget, {day}").verdict(found.passed, found.verdict), found).write(work.output)


def budget_page(page: Report, found: BudgetLook) -> Report:
    """The objectives, their windows and the alerts, below what the page has."""
    asked = {"in time": f" (within {found.latency_seconds:g} s)"} if found.latency_seconds else {}
    rows = [
        (
            one.name + asked.get(one.name, ""),
            f"{one.wanted:.4g}",
            f"{1 - one.counts[PERIOD].share:.4%}" if one.counts[PERIOD].total else "nothing counted",
            f"{one.spent:.0%}",
        )
        for one in found.objectives
    ]
    page.table(["objective", "asked", "reached in 30 days", "budget spent"], rows, "Objectives")
    if not found.latency_seconds:
        page.text("No latency is declared: the champion names no charter, and neither does the configuration.")
    for one in found.objectives:
        windows = [
            (name, round(count.total), round(count.bad, 1), f"{count.share:.3%}", round(one.burn(name), 2))
            for name, count in one.counts.items()
        ]
        page.table(["window", "counted", "bad", "share", "burn rate"], windows, f"Burn rate: {one.name}")
    held = [(one.objective, one.severity, one.windows, one.rate, one.burn) for one in found.alerts]
    if held:
        page.table(["objective", "severity", "windows", "alert from", "burn rate"], held, "Alerts")
    page.text(
        f"A burn rate of 1 spends the month's budget in a month. Alerts need {found.least_requests} events or more in "
        "their longer window. Rules: Google SRE Workbook (2018), chapter 5, table 5-8.",
    )
    return page
