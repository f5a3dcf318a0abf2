"""What a finished run shows: its steps, why they ran, base against customized, and where to go on."""

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from include.cli.follow import ordered_groups
from include.cli.status import duration
from include.cli.workflow_run import TaskState, WorkflowRun

GATE = "customization.gate"
OUTCOME, RESULT = "outcome", "return_value"
REUSED = "reused: same code, configuration and inputs"


@dataclass(frozen=True)
class StepLine:
    """One step of the table; mapped tasks are one line."""

    task: str
    instances: int
    seconds: float
    reused: int
    artifact: str
    figures: str
    reasons: tuple[str, ...]
    indicators: tuple[dict[str, Any], ...]


def read_steps(run: WorkflowRun, tasks: list[TaskState]) -> list[StepLine]:
    """The lines of all tasks that pushed an outcome, in the workflow's order and, within a group, of their start."""
    lines = []
    for group in ordered_groups(tasks):
        begun = sorted((task for task in tasks if task.group == group), key=lambda task: task.started)
        names = list(dict.fromkeys(task.task for task in begun))
        for name in names:
            instances = [task for task in tasks if task.task == name and task.state == "success"]
            line = _line(run, name, instances)
            if line:
                lines.append(line)
    return lines


def _line(run: WorkflowRun, name: str, instances: list[TaskState]) -> StepLine | None:
    outcomes = [(task, outcome) for task in instances if (outcome := run.xcom(task, OUTCOME))]
    if not outcomes:
        return None
    ref = run.xcom(outcomes[0][0], RESULT) if len(outcomes) == 1 else None
    artifact = f"{ref['step']}/{ref['fingerprint'][:12]}" if isinstance(ref, dict) and "fingerprint" in ref else ""
    metrics = outcomes[0][1].get("metrics") or {}
    reasons = dict.fromkeys(str(outcome.get("reason", "")) for _, outcome in outcomes)
    return StepLine(
        task=name,
        instances=len(outcomes),
        seconds=sum(task.seconds for task, _ in outcomes),
        reused=sum(bool(outcome.get("reused")) for _, outcome in outcomes),
        artifact=artifact or f"{len(outcomes)} artifacts",
        figures=key_figures(metrics)
        if len(outcomes) == 1
        else shared_figure([o.get("metrics") or {} for _, o in outcomes]),
        reasons=tuple(reason for reason in reasons if reason),
        indicators=tuple(metrics["indicators"]) if name == GATE else (),
    )


def key_figures(metrics: dict[str, Any]) -> str:
    """The first three scalar metrics, for people."""
    scalars = [(name, value) for name, value in metrics.items() if isinstance(value, bool | int | float | str)]
    return ", ".join(f"{name} {number(value)}" for name, value in scalars[:3])


def shared_figure(metrics: list[dict[str, Any]]) -> str:
    """The first number that all instances of a mapped task have, instance by instance."""
    names = [
        name for name, value in metrics[0].items() if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    shared = next((name for name in names if all(name in other for other in metrics)), None)
    return f"{shared} {' | '.join(number(other[shared]) for other in metrics)}" if shared else ""


def number(value: object) -> str:
    """A metric's value, for people: 1234567 -> 1,234,567; 0.123456 -> 0.1235."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value) if len(str(value)) <= 60 else str(value)[:57] + "..."


def print_steps(console: Console, lines: list[StepLine]) -> None:
    """The one table, and below it why each step ran."""
    table = Table("step", "duration", "", "artifact", "key figures", title_justify="left")
    for line in lines:
        name = f"{line.task} ({line.instances} tasks)" if line.instances > 1 else line.task
        ran = "reused" if line.reused == line.instances else "ran" if not line.reused else f"{line.reused} reused"
        style = "dim" if ran == "reused" else "green"
        table.add_row(name, duration(line.seconds), f"[{style}]{ran}", line.artifact, line.figures)
    console.print(table)
    for line in lines:
        for reason in line.reasons:
            if not reason.startswith(REUSED):
                _say(console, f"{line.task}: {reason}")
    reused = [line.task for line in lines if any(reason.startswith(REUSED) for reason in line.reasons)]
    if reused:
        _say(console, f"{REUSED}: {', '.join(reused)}")


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def print_indicators(console: Console, lines: list[StepLine]) -> None:
    """Base against customized on the use case's indicators, as the gate measured them."""
    indicators = next((line.indicators for line in lines if line.task == GATE), ())
    if not indicators:
        return
    table = Table("indicator", "target", "base", "customized", "95% interval", "met", title="Base against customized")
    for entry in indicators:
        met = "[green]yes" if entry.get("met") else "[red]no"
        interval = f"{number(entry.get('low'))} .. {number(entry.get('high'))}" if entry.get("low") is not None else ""
        values = [number(entry.get(key)) if entry.get(key) is not None else "" for key in ("base", "customized")]
        table.add_row(str(entry["name"]), number(entry.get("target", "")), *values, interval, met)
    console.print(table)


def failures(tasks: list[TaskState]) -> list[TaskState]:
    """The tasks that failed themselves."""
    return [task for task in tasks if task.state == "failed"]
