"""One run of a use case's DAG: found or started, and read, through Airflow's API."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from include.core.errors import ConfigurationError, ServerUnavailableError
from include.local.airflow_api import AirflowApi

Found = TypeVar("Found")
ACTIVE = ("queued", "running")
FINISHED = ("success", "failed")
# reports use cases that cannot be loaded; the one asked for was validated before, so these are others
OTHERS = "genai_use_case_errors.py"
PARSE_SECONDS, SCHEDULE_SECONDS, POLL_SECONDS = 90.0, 60.0, 0.5
# Airflow drops what is asked for while it still parses the file for somebody else
ASK_AGAIN_SECONDS = 3.0


@dataclass(frozen=True)
class TaskState:
    """One task instance; `seconds` is how long it has run, `started` when it began (ISO 8601, empty before)."""

    task: str
    map_index: int
    state: str
    seconds: float
    attempt: int
    started: str = ""

    @property
    def group(self) -> str:
        """Its step of the workflow."""
        return self.task.partition(".")[0]

    def now(self, moment: datetime) -> "TaskState":
        """As it is at a moment, if nothing but time has passed since it was read."""
        if self.state != "running" or not self.started:
            return self
        return replace(self, seconds=max((moment - datetime.fromisoformat(self.started)).total_seconds(), 0.0))


@dataclass(frozen=True)
class WorkflowRun:
    """A DAG run; `started_here` tells a run of this command from one it joined."""

    api: AirflowApi
    dag: str
    run: str
    how: str

    @property
    def path(self) -> str:
        """Its path below the API."""
        return f"/dags/{self.dag}/dagRuns/{self.run}"

    @property
    def url(self) -> str:
        """Its page in the web UI."""
        return f"{self.api.base_url}/dags/{self.dag}/runs/{self.run}"

    def read(self) -> dict[str, Any]:
        """The run as the API tells it."""
        found = self.api.get(self.path)
        if found is None:
            raise ConfigurationError("run", self.run, "it was deleted", "Start another with `genai run`")
        return dict(found)

    def tasks(self, since: datetime | None = None) -> list[TaskState]:
        """All its task instances, or those that have changed since a moment."""
        entries: list[dict[str, Any]] = []
        changed = {"updated_at_gte": since.isoformat()} if since else {}
        while True:
            page = self.api.get(f"{self.path}/taskInstances", limit=100, offset=len(entries), **changed)
            entries += page["task_instances"]
            if not page["task_instances"] or len(entries) >= page["total_entries"]:
                return [_task(entry) for entry in entries]

    def xcom(self, task: TaskState, key: str) -> Any:
        """What a task pushed under `key`; None where it pushed nothing."""
        path = f"{self.path}/taskInstances/{task.task}/xcomEntries/{key}"
        found = self.api.get(path, map_index=task.map_index, deserialize=False, stringify=False)
        return found and found["value"]

    def task_url(self, task: TaskState) -> str:
        """A task's page in the web UI."""
        mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return f"{self.url}/tasks/{task.task}{mapped}"

    def last_error(self, task: TaskState) -> str:
        """The last error in a task's log, in one line."""
        path = f"{self.path}/taskInstances/{task.task}/logs/{max(task.attempt, 1)}"
        found = self.api.get(path, map_index=task.map_index, full_content=True)
        entries = [entry for entry in (found or {}).get("content", []) if isinstance(entry, dict)]
        for entry in reversed(entries):
            for detail in entry.get("error_detail") or []:
                return f"{detail.get('exc_type')}: {detail.get('exc_value')}"
        errors = [entry for entry in entries if str(entry.get("level")).lower() in ("error", "critical")]
        return str((errors or entries or [{"event": "its log is empty"}])[-1].get("event")).strip()


def _task(entry: dict[str, Any]) -> TaskState:
    started, ended = entry["start_date"], entry["end_date"]
    seconds = 0.0
    if started:
        end = datetime.fromisoformat(ended) if ended else datetime.now(UTC)
        seconds = max((end - datetime.fromisoformat(started)).total_seconds(), 0.0)
    state, attempt = entry["state"] or "waiting", entry.get("try_number") or 0
    return TaskState(entry["task_id"], entry["map_index"], state, seconds, attempt, started or "")


def find_or_start(api: AirflowApi, dag: str, overrides: dict[str, Any], *, force: bool) -> WorkflowRun:
    """Join the DAG's active run, follow the one its schedule owes, or trigger one."""
    found = await_parsed(api, dag)
    active = active_run(api, dag)
    if active and (overrides or force):
        raise ConfigurationError(
            "--force" if force else "--set",
            True if force else overrides,
            f"run {active} is active and goes on with its own configuration",
            f"Follow it with `genai run {dag}`, then set it for the next run",
        )
    if active:
        unpause(api, found)
        return WorkflowRun(api, dag, active, "joined the active run")
    if not overrides and not force:
        unpause(api, found)
        if scheduled := _owed_run(api, dag):
            return WorkflowRun(api, dag, scheduled, "its schedule started a run")
    body = {"logical_date": None, "conf": {"overrides": overrides, "force_rerun": force}}
    started = api.post(f"/dags/{dag}/dagRuns", body)
    unpause(api, found)
    # Airflow starts what a schedule owes at once when a DAG is first unpaused, and one run at a time
    waits = found["is_paused"] and found.get("next_dagrun_run_after")
    how = "started a run; it waits for the one that the schedule owes" if waits else "started a run"
    return WorkflowRun(api, dag, started["dag_run_id"], how)


def unpause(api: AirflowApi, dag: dict[str, Any]) -> None:
    """Let the scheduler run the DAG."""
    if dag["is_paused"]:
        api.patch(f"/dags/{dag['dag_id']}", {"is_paused": False})


def active_run(api: AirflowApi, dag: str) -> str | None:
    """Id of the DAG's oldest run that is queued or running."""
    found = api.get(f"/dags/{dag}/dagRuns", state=list(ACTIVE), order_by="run_after", limit=1)
    runs = found["dag_runs"]
    return str(runs[0]["dag_run_id"]) if runs else None


def _owed_run(api: AirflowApi, dag: str) -> str | None:
    """The run that the schedule starts at once after unpausing; None where none is due."""
    due = api.get(f"/dags/{dag}")["next_dagrun_run_after"]
    if not due or datetime.fromisoformat(due) > datetime.now(UTC):
        return active_run(api, dag)
    return _await(lambda: active_run(api, dag), SCHEDULE_SECONDS, f"the scheduled run of {dag}")


def await_parsed(api: AirflowApi, dag: str) -> dict[str, Any]:
    """The DAG in its newest version; ConfigurationError shows why its file cannot be imported."""
    began = datetime.now(UTC)
    known = api.get(f"/dags/{dag}")
    asked = -math.inf

    def parsed() -> dict[str, Any] | None:
        nonlocal asked
        if known and time.monotonic() - asked >= ASK_AGAIN_SECONDS:
            # 409 is one that asked before us
            api.call("PUT", f"/parseDagFile/{known['file_token']}")
            asked = time.monotonic()
        found = api.get(f"/dags/{dag}")
        errors = api.get("/importErrors", limit=10)["import_errors"]
        for error in errors:
            if error["filename"].endswith(OTHERS):
                continue
            if found is None or error["filename"] in (found.get("relative_fileloc"), found.get("fileloc")):
                last = str(error["stack_trace"]).strip().splitlines()[-1]
                raise ConfigurationError(error["filename"], dag, last, "Correct the DAG file or its use case")
        if found is None or found["is_stale"]:
            return None
        moment = datetime.fromisoformat(found["last_parsed_time"])
        return dict(found) if known is None or moment >= began else None

    return _await(parsed, PARSE_SECONDS, f"the DAG {dag}")


def _await(read: Callable[[], Found | None], seconds: float, what: str) -> Found:
    deadline = time.monotonic() + seconds
    while True:
        found = read()
        if found:
            return found
        if time.monotonic() > deadline:
            raise ServerUnavailableError(
                what, f"{seconds:.0f} s", "Airflow does not have it", "Read the dag-processor's and scheduler's logs"
            )
        time.sleep(POLL_SECONDS)
