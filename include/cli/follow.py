"""Progress of a run in the terminal: a live table, or plain lines where the output is not a terminal."""

import time
from datetime import UTC, datetime, timedelta
from itertools import groupby
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from include.cli.status import duration
from include.cli.workflow_run import FINISHED, TaskState, WorkflowRun

POLL_SECONDS = 1.0
WHOLE_LOOK = 15
# a change is dated when it is written, and seen when it is committed
OVERLAP = timedelta(seconds=5)
WAITING = "awaiting_input"
STYLES = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "red",
    "running": "yellow",
    WAITING: "yellow",
    "skipped": "dim",
}
# least to most telling: a row of mapped tasks shows the last that applies
RANK = (
    "waiting",
    "skipped",
    "success",
    "scheduled",
    "queued",
    "deferred",
    "up_for_retry",
    "running",
    WAITING,
    "failed",
)


def follow(run: WorkflowRun, console: Console) -> dict[str, object]:
    """Show the run until it ends; the run as Airflow tells it then."""
    tasks = _Tasks(run)
    with _Progress(run, console) as progress:
        while True:
            state = run.read()
            progress.show(tasks.read())
            if state["state"] in FINISHED:
                return state
            time.sleep(POLL_SECONDS)


def rows(tasks: list[TaskState]) -> list[TaskState]:
    """One line a task: mapped instances become one, with the most telling state and the sum of their seconds."""
    found = []
    for name, instances in groupby(sorted(tasks, key=lambda task: task.task), lambda task: task.task):
        group = list(instances)
        state = max((task.state for task in group), key=lambda state: RANK.index(state) if state in RANK else len(RANK))
        done = sum(task.state == "success" for task in group)
        label = f"{name} ({done}/{len(group)})" if len(group) > 1 else name
        seconds = sum(task.seconds for task in group)
        found.append(TaskState(label, -1, state, seconds, max(task.attempt for task in group)))
    return found


class _Tasks:
    """The run's task instances. Telling all of them costs the api-server 30 ms, so that most looks ask for changes."""

    def __init__(self, run: WorkflowRun) -> None:
        self.run, self.looks, self.asked = run, 0, datetime.now(UTC)
        self.known: dict[tuple[str, int], TaskState] = {}

    def read(self) -> list[TaskState]:
        """All as they are now."""
        before, self.asked = self.asked, datetime.now(UTC)
        whole = self.looks % WHOLE_LOOK == 0
        self.looks += 1
        found = {(task.task, task.map_index): task for task in self.run.tasks(None if whole else before - OVERLAP)}
        self.known = found if whole else self.known | found
        # before it is mapped, a task is one instance without an index
        mapped = {name for name, index in self.known if index >= 0}
        return [task.now(self.asked) for (name, index), task in self.known.items() if index >= 0 or name not in mapped]


class _Progress:
    def __init__(self, run: WorkflowRun, console: Console) -> None:
        self.run, self.console = run, console
        self.live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self.shown: dict[tuple[str, int], str] = {}
        self.order: list[str] = []

    def __enter__(self) -> "_Progress":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def show(self, tasks: list[TaskState]) -> None:
        """Draw the tasks anew, or print what changed."""
        if self.live:
            self.live.update(self._table(tasks), refresh=True)
            return
        for task in tasks:
            key = (task.task, task.map_index)
            if task.state != self.shown.get(key) and task.state in (
                "running",
                "up_for_retry",
                WAITING,
                *FINISHED,
                "skipped",
            ):
                label = f"{task.task}[{task.map_index}]" if task.map_index >= 0 else task.task
                took = f" after {duration(task.seconds)}" if task.state not in ("running", WAITING) else ""
                took += f": a person has to answer at {self.run.task_url(task)}" if task.state == WAITING else ""
                self.console.print(f"{label}: {task.state}{took}", highlight=False, soft_wrap=True, markup=False)
            self.shown[key] = task.state

    def _table(self, tasks: list[TaskState]) -> Table:
        table = Table("task", "state", "seconds", box=None, pad_edge=False)
        for group in ordered_groups(tasks):
            table.add_row(f"[bold]{group}")
            for row in rows([task for task in tasks if task.group == group]):
                name = row.task.partition(".")[2] or row.task
                style = STYLES.get(row.state, "dim")
                table.add_row(f"  {name}", f"[{style}]{row.state}", f"{row.seconds:.1f}" if row.seconds else "")
        return table


WORKFLOW = ("strategy", "data_preparation", "training", "customization", "inferencing")


def ordered_groups(tasks: list[TaskState]) -> list[str]:
    """The groups in the workflow's order, others after them."""
    present = {task.group for task in tasks}
    return [group for group in WORKFLOW if group in present] + sorted(present - set(WORKFLOW))
