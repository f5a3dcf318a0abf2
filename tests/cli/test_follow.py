"""Following a run: what the terminal shows between two looks at Airflow."""

from datetime import UTC, datetime
from typing import Any, cast

from include.cli.follow import _Tasks
from include.cli.workflow_run import TaskState, WorkflowRun
from include.local.airflow_api import AirflowApi


class ChangingRun:
    """Answers for the task instances of a run as Airflow does, of which few change from one look to the next."""

    def __init__(self, *states: dict[tuple[str, int], str]) -> None:
        self.states, self.look, self.told = states, -1, 0

    def get(self, path: str, *, limit: int, offset: int, updated_at_gte: str = "") -> dict[str, Any]:
        self.look += 1
        now, before = self.states[self.look], self.states[self.look - 1] if updated_at_gte else {}
        changed = {key: state for key, state in now.items() if before.get(key) != state}
        self.told += len(changed)
        entries = [
            {"task_id": task, "map_index": index, "state": state, "start_date": None, "end_date": None}
            for (task, index), state in changed.items()
        ]
        return {"task_instances": entries, "total_entries": len(entries)}


def test_following_a_run_asks_for_what_has_changed_and_shows_all() -> None:
    looks: list[dict[tuple[str, int], str]] = [
        {("a.first", -1): "running", ("a.each", -1): "waiting", ("b.last", -1): "waiting"},
        {("a.first", -1): "success", ("a.each", -1): "waiting", ("b.last", -1): "waiting"},
        {("a.first", -1): "success", ("a.each", 0): "running", ("a.each", 1): "queued", ("b.last", -1): "waiting"},
        {("a.first", -1): "success", ("a.each", 0): "success", ("a.each", 1): "queued", ("b.last", -1): "waiting"},
    ]
    run = ChangingRun(*looks)
    tasks = _Tasks(WorkflowRun(cast(AirflowApi, run), "dag", "run", ""))

    for expected in looks:
        assert {(task.task, task.map_index): task.state for task in tasks.read()} == expected
    assert run.told == 3 + 1 + 2 + 1


def test_seconds_of_a_running_task_pass_between_two_changes() -> None:
    task = TaskState("a.b", -1, "running", 1.0, 1, "2026-11-23T03:00:00+00:00")
    assert task.now(datetime(2026, 11, 23, 3, 0, 42, tzinfo=UTC)).seconds == 42
