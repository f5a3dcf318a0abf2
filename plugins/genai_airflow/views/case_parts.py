"""The parts of a use case's page that are more than figures in a table: tasks with their reports, and pictures."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from genai_airflow.report_link import report_path
from genai_airflow.views.airflow_tasks import Look, Task
from genai_airflow.views.plots import Plot, lines_plot
from genai_airflow.views.words import STEP_NAMES, duration, number
from include.overview.curves import PRETRAIN, Curve
from include.overview.race import Race
from include.overview.serving import MinuteSeen, Serving

# Airflow's word -> what it is called here, and its look
TASK_STATES = {
    "success": ("done", "good"),
    "failed": ("failed", "bad"),
    "running": ("running", "live"),
    "awaiting_input": ("asks a person", "warn"),
    "up_for_retry": ("waits for another try", "warn"),
    "queued": ("queued", ""),
    "scheduled": ("queued", ""),
    "deferred": ("waits", "live"),
    "skipped": ("skipped", ""),
    "upstream_failed": ("not reached", ""),
    "": ("not begun", ""),
}
# tasks with these ends have written, or have found, an artifact
REPORTED = ("success", "failed", "awaiting_input")
LOOKS = {
    "capacity": "Capacity",
    "error_budget": "Error budget",
    "cost": "Cost",
    "drift": "Drift",
    "probe": "Probe",
    "weekly_page": "Week",
}


class Instance(NamedTuple):
    """A task instance: its name, state and time, and the path of its report where it may have one."""

    name: str
    state: tuple[str, str]
    seconds: str
    report: str


class TaskLine(NamedTuple):
    """A task with its instances; one that is not mapped has one."""

    name: str
    instances: tuple[Instance, ...]


class LiveCurve(NamedTuple):
    """A training's picture, and how far it is in words."""

    plot: Plot
    words: str


def groups_of(use_case: str, run_id: str, tasks: Sequence[Task]) -> list[tuple[str, list[TaskLine]]]:
    """The tasks of a run by step, in the workflow's order; those of no step are left out."""
    found: dict[str, dict[str, list[Instance]]] = {step: {} for step in STEP_NAMES}
    for one in tasks:
        step, _, name = one.task.partition(".")
        if step in found:
            found[step].setdefault(name, []).append(_instance(use_case, run_id, one))
    return [
        (STEP_NAMES[step], [TaskLine(name, tuple(instances)) for name, instances in lines.items()])
        for step, lines in found.items()
        if lines
    ]


def _instance(use_case: str, run_id: str, task: Task) -> Instance:
    name = task.label or (f"number {task.map_index}" if task.map_index >= 0 else "")
    path = report_path(use_case, run_id, task.task, task.map_index) if task.state in REPORTED else ""
    return Instance(name, TASK_STATES.get(task.state, (task.state, "")), duration(task.seconds), path)


def look_links(dag: str, looks: Mapping[str, Look]) -> list[tuple[str, str]]:
    """What each look is called, and the path of its report."""
    return [(words, report_path(dag, looks[task].run_id, task)) for task, words in LOOKS.items() if task in looks]


def curve_plots(curves: Sequence[Curve]) -> list[LiveCurve]:
    """A picture a training. Of one technique on several rungs of the race the longest course has them all."""
    longest: dict[tuple[bool, str], Curve] = {}
    for one in curves:
        key = (one.task.startswith("training."), one.name)
        if key not in longest or (one.live, one.step) >= (longest[key].live, longest[key].step):
            longest[key] = one
    return [_curve(number, one) for number, one in enumerate(longest.values())]


def _curve(place: int, curve: Curve) -> LiveCurve:
    series = {"training": curve.losses} | {f"held out: {kind}": points for kind, points in curve.validation}
    # techniques that learn from preferences or rewards have losses of their own kinds
    where, unit = ("Training", "mean loss, nats a token") if curve.task == PRETRAIN else ("Customization", "mean loss")
    plot = lines_plot(f"curve-{place}", f"{where}: {curve.name}", series, "step", unit)
    return LiveCurve(plot, _words(curve))


def _words(curve: Curve) -> str:
    if not curve.losses:
        return (
            "Its first losses are told a few seconds after its first steps." if curve.live else "None were kept of it."
        )
    told = [f"step {number(curve.step)} of {number(curve.steps)}", f"loss {number(curve.losses[-1][1])}"]
    if curve.tokens_per_second:
        told.append(f"{number(curve.tokens_per_second)} tokens/s")
    if curve.live and curve.eta_seconds is not None:
        told.append(f"about {duration(curve.eta_seconds)} left")
    return ", ".join(told)


def race_plot(race: Race | None) -> Plot | None:
    """Losses over the share of steps; None where there is no line to draw, as with a race of one rung."""
    lines = race.lines if race else {}
    if not any(len(points) > 1 for points in lines.values()):
        return None
    best = dict(sorted(lines.items(), key=lambda line: (-len(line[1]), line[1][-1][1])))
    return lines_plot("race", "Development loss after each rung", best, "% of the steps", "loss, lower is better")


def traffic_plots(serving: Serving | None) -> list[Plot]:
    """Requests and latency of the last hour, minute by minute, and the servers; none of what nothing is known of."""
    if serving is None:
        return []
    servers = {"servers": serving.servers}
    scale = [lines_plot("scale", "Scale", servers, "hours from now", "servers", zero=True)] if serving.servers else []
    return [*(_traffic(serving.minutes) if serving.minutes else ()), *scale]


def _traffic(minutes: Sequence[MinuteSeen]) -> list[Plot]:
    counts = {"requests": _line(minutes, "requests"), "failed": _line(minutes, "failed")}
    times = {
        "first token, median": _line(minutes, "first_token"),
        "first token, 95%": _line(minutes, "first_token_slow"),
        "whole answer, 95%": _line(minutes, "whole_slow"),
    }
    x = "minutes from now"
    return [
        lines_plot("requests", "Requests a minute", counts, x, "requests", zero=True),
        lines_plot("latency", "Latency", times, x, "seconds", zero=True),
    ]


def _line(minutes: Sequence[MinuteSeen], name: str) -> list[tuple[float, float]]:
    return [(-one.ago, value) for one in minutes if (value := getattr(one, name)) is not None]
