"""The whole workflow on the real servers, with kill -9 of three of them in the middle of it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.cli.run import run_workflow
from include.cli.workflow_run import TaskState, WorkflowRun
from include.core.errors import GenaiError
from include.core.settings import PROJECT_ROOT
from include.data_preparation.aggregate import observed
from include.inferencing.champion import read
from include.local.airflow_api import AirflowApi
from include.local.programs import settings_environment, store_address
from include.local.stack import Stack
from include.strategy.approvals import all_decisions
from include.use_cases import load_use_case
from tests.asking import ask
from tests.integration.small_use_case import APPROVED, DATED, NAME, smallest, write_small_use_case
from tests.tiny_model import build_model

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]
QUESTION = "What does `len` do in Python?"


class Workflow:
    """The small use case on a stack, run by the command line's own code."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.store = ArtifactStore(store_address(stack.settings, stack.credentials), retries=3)

    def run(self, **overrides: Any) -> tuple[int, str]:
        return self.run_named(NAME, {path.replace("__", "."): value for path, value in overrides.items()})

    def run_named(self, use_case: str, changes: dict[str, Any] | None = None) -> tuple[int, str]:
        text = io.StringIO()
        code = run_workflow(self.stack, use_case, changes or {}, force=False, console=Console(file=text, width=220))
        return code, text.getvalue()

    def latest(self, api: AirflowApi) -> WorkflowRun:
        runs = api.get(f"/dags/{NAME}/dagRuns", order_by="-run_after", limit=1)["dag_runs"]
        return WorkflowRun(api, NAME, runs[0]["dag_run_id"], "")

    def outcomes(self) -> dict[str, dict[str, Any]]:
        """What each task of the latest run pushed, by `task[map_index]`."""
        with self.stack.api() as api:
            run = self.latest(api)
            found = {f"{task.task}[{task.map_index}]": run.xcom(task, "outcome") for task in run.tasks()}
        return {name: outcome for name, outcome in found.items() if outcome}

    def task(self, name: str) -> TaskState:
        with self.stack.api() as api:
            found = [task for task in self.latest(api).tasks() if task.task == name]
        return found[0] if found else TaskState(name, -1, "waiting", 0, 0)

    def artifact(self, name: str) -> ArtifactRef:
        with self.stack.api() as api:
            run = self.latest(api)
            task = next(task for task in run.tasks() if task.task == name)
            return ArtifactRef.model_validate(run.xcom(task, "return_value"))

    def genai(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line on this stack."""
        environment = os.environ | settings_environment(self.stack.settings) | {"PYTHONPATH": str(PROJECT_ROOT)}
        command = [sys.executable, "-m", "include.cli.main", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def answer(self) -> str:
        return "".join(ask(QUESTION, NAME, self.store, self.stack.settings.triton_addresses[0], max_tokens=12))


@pytest.fixture(scope="module")
def workflow(new_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workflow]:
    folder = tmp_path_factory.mktemp("use_cases")
    write_small_use_case(folder)
    stack = new_stack(use_cases_folder=folder)
    stack.up()
    yield Workflow(stack)
    stack.stop()


def eventually(condition: Callable[[], object], seconds: float, every: float = 0.2) -> None:
    """Wait for a condition, looking `every` so many seconds; a server that is down meanwhile is no answer."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
        except GenaiError:
            pass
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(every)


def kill_when(
    workflow: Workflow, api: AirflowApi, task: str, program: str, ready: Callable[[], object] = lambda: True
) -> None:
    """SIGKILL a server while a task runs; `ready` is asked first, as it is asked often and Airflow answers slowly."""

    def running() -> bool:
        path = f"/dags/{NAME}/dagRuns/~/taskInstances"
        return bool(api.get(path, task_id=task, state="running", limit=1)["task_instances"])

    eventually(lambda: ready() and running(), 600)
    session = workflow.stack.session(program)
    assert session
    os.kill(session.sid, signal.SIGKILL)


def test_the_workflow_survives_kill_9_of_store_scheduler_and_triton(workflow: Workflow) -> None:
    ends: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: ends.append(workflow.run()))
    thread.start()
    prefix = "training/pretrain/checkpoints/"
    with workflow.stack.api() as api:
        eventually(lambda: (api.get(f"/dags/{NAME}/dagRuns", limit=1) or {}).get("dag_runs"), 120)
        kill_when(workflow, api, "data_preparation.aggregate", "object-store")
        kill_when(
            workflow,
            api,
            "training.pretrain",
            "scheduler",
            lambda: any(key.endswith("manifest.json") for key in workflow.store.bucket.keys(prefix)),
        )
        kill_when(workflow, api, "customization.tune", "triton")
    thread.join(900)

    assert ends and ends[0][0] == 0, ends
    assert workflow.answer().strip()
    pretrain = workflow.task("training.pretrain")
    with workflow.stack.api() as api:
        run = workflow.latest(api)
        path = f"{run.path}/taskInstances/{pretrain.task}/logs"
        *before, log = (str(api.get(f"{path}/{number}", map_index=-1)) for number in range(1, pretrain.attempt + 1))
    # the job outlives the scheduler: the next try watches it, or takes what it has made meanwhile
    assert before and re.search("Reconnecting to existing job|reused: same code", log), log[-3000:]
    assert set(re.findall(r"job \w+/(\d+)", "".join(before) + log)) == {"1"}, "the job was started once"
    assert "answer_bits_per_char" in ends[0][1]
    assert "genai ask" in ends[0][1]


def test_the_champion_comes_back_after_kill_9_of_triton(workflow: Workflow) -> None:
    before = workflow.answer()
    session = workflow.stack.session("triton")
    assert session
    os.kill(session.sid, signal.SIGKILL)

    eventually(lambda: workflow.answer() == before, 120)


def test_a_second_run_reuses_all_but_the_gate_which_is_held_to_the_champion_and_says_why(workflow: Workflow) -> None:
    code, text = workflow.run()

    assert code == 0, text
    ran = {name: outcome["reason"] for name, outcome in workflow.outcomes().items() if not outcome["reused"]}
    # nothing served when the first run was judged
    assert ran.keys() == {"customization.gate[-1]", "customization.model_card[-1]"}
    assert ran["customization.gate[-1]"].startswith("ran: input champion changed")
    assert "same code, configuration and inputs" in text


def test_a_changed_knob_reruns_only_what_depends_on_it(workflow: Workflow) -> None:
    code, text = workflow.run(inferencing__package__max_new_tokens=40)

    assert code == 0, text
    outcomes = workflow.outcomes()
    ran = {name for name, outcome in outcomes.items() if not outcome["reused"]}
    assert ran == {"inferencing.package[-1]", "inferencing.deploy[-1]", "inferencing.review[-1]"}
    assert "inferencing.package.max_new_tokens 256 -> 40" in outcomes["inferencing.package[-1]"]["reason"]
    assert workflow.answer().strip()


def test_every_step_has_its_report_one_click_away(workflow: Workflow) -> None:
    missing = []
    with workflow.stack.api() as api:
        run = workflow.latest(api)
        for task in run.tasks():
            if run.xcom(task, "outcome"):
                path = f"/genai/reports/{NAME}/{run.run}/{task.task}?map_index={task.map_index}"
                page = api.client.get(workflow.stack.api().base_url + path)
                if page.status_code != 200 or "<h1>" not in page.text:
                    missing.append((path, page.status_code))
    assert missing == []


def written_by(workflow: Workflow) -> Iterator[tuple[str, bytes]]:
    """Where and what a run has written for others to read: logs, Airflow's database, objects that are no weights."""
    root = workflow.stack.settings.state_folder
    files = [*(root / "logs").rglob("*"), *(root / "state" / "airflow").glob("airflow.db*")]
    yield from ((str(path.relative_to(root)), path.read_bytes()) for path in files if path.is_file())
    for found in workflow.store.bucket.objects(""):
        if found.size < 1 << 22:
            yield found.key, workflow.store.bucket.get_bytes(found.key)[0]


def test_no_key_of_the_stack_is_in_what_a_finished_run_wrote(workflow: Workflow) -> None:
    own = workflow.stack.credentials
    hidden = {f"{name}.secret_key": getattr(own, name).secret_key for name in ("store_admin", "store_reader")}
    hidden |= {"store_gateway": own.store_gateway.secret_key, "store_admin.access_key": own.store_admin.access_key}
    hidden |= {name: getattr(own, name) for name in type(own).model_fields if name.startswith(("airflow_", "gateway_"))}
    told, places = [], set[str]()
    for place, data in written_by(workflow):
        places.add(place.partition("/")[0])
        told += [(place, name) for name, value in hidden.items() if value.encode() in data]
    assert told == []
    assert {"logs", "state", "runs", "training", "inferencing"} <= places


def test_a_corrupted_object_fails_at_once_and_names_the_remedy(workflow: Workflow) -> None:
    ref = workflow.artifact("data_preparation.check")
    manifest = workflow.store.manifest(ref)
    key = next(manifest.key(entry) for entry in manifest.files if entry.path == "train.parquet")
    whole, _ = workflow.store.bucket.get_bytes(key)
    workflow.store.bucket.put_bytes(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    code, text = workflow.run(training__pack__canaries=2)
    workflow.store.bucket.put_bytes(key, whole)

    assert code == 1
    assert re.search(r"failed: training.pack: .*train.parquet = .* do not match the manifest", text), text
    assert "force_rerun" in text
    assert workflow.task("training.pack").attempt == 1


HOPELESS = [{"name": "answer_bits_per_char", "direction": "at_most", "target": 0.001, "required": True}]
DECIDED = {"Reject": "rejected", "Approve": "approved"}


@pytest.mark.parametrize(("choice", "reached"), [("Reject", "strategy.approve"), ("Approve", "customization.gate")])
def test_a_charter_waits_for_the_human_and_a_gate_that_is_missed_stops_the_run_before_deployment(
    workflow: Workflow, choice: str, reached: str
) -> None:
    ends: list[tuple[int, str]] = []
    changes = {"strategy.indicators": HOPELESS}
    thread = threading.Thread(target=lambda: ends.append(workflow.run_named(APPROVED, changes)))
    thread.start()
    with workflow.stack.api() as api:

        def parked() -> list[dict[str, Any]]:
            query = f"/dags/{APPROVED}/dagRuns/~/taskInstances"
            tasks = (api.get(query, limit=200) or {}).get("task_instances", [])
            return [t for t in tasks if t["task_id"] == "strategy.approve" and t["state"] == "awaiting_input"]

        eventually(parked, 180, every=1)
        run = parked()[0]["dag_run_id"]
        assert not ends
        path = f"/dags/{APPROVED}/dagRuns/{run}/taskInstances/strategy.approve/-1/hitlDetails"
        deadline = time.monotonic() + 300
        while thread.is_alive() and time.monotonic() < deadline:
            # Airflow may lose an answer that comes within a second of the question; the task asks again
            if parked():
                api.patch(path, {"chosen_options": [choice], "params_input": {}})
            thread.join(2)
        tasks = {t.task: t for t in WorkflowRun(api, APPROVED, run, "").tasks()}

    assert ends and ends[0][0] == 1, ends
    assert [decision.choice for decision in all_decisions(workflow.store.bucket, APPROVED)][-1] == DECIDED[choice]
    assert [name for name, task in tasks.items() if task.state == "failed"] == [reached]
    assert tasks["inferencing.deploy"].state == "upstream_failed"
    assert choice == "Reject" or ("answer_bits_per_char" in ends[0][1] and tasks[reached].attempt == 1)
    assert read(workflow.store.bucket, APPROVED) is None


@pytest.mark.timeout(2400)
def test_a_backfill_rebuilds_each_interval_trains_only_on_news_and_leaves_the_champion(
    workflow: Workflow, tmp_path: Path
) -> None:
    build_model(tmp_path)
    assert workflow.run_named(DATED)[0] == 0
    champion = read(workflow.store.bucket, DATED)
    days = ["2025-10-11", "2025-10-12", "2025-10-13"]
    ends = [f"2025-10-{day}T03:00:00+00:00" for day in (12, 13, 14)]
    config = load_use_case(DATED, folder=workflow.stack.settings.use_cases_folder).data_preparation.aggregate
    news = {sha256_of(observed(workflow.store, end, config)) for end in ends}
    assert len(news) == 2

    span = ["--from-date", days[0], "--to-date", f"{days[-1]}T12:00:00", "--max-active-runs", "2"]
    span += ["--dag-run-conf", json.dumps({"overrides": smallest(tmp_path)})]
    done = workflow.genai("airflow", "backfill", "create", "--dag-id", DATED, *span)
    assert done.returncode == 0, done.stderr
    with workflow.stack.api() as api:

        def ended() -> bool:
            runs = api.get(f"/dags/{DATED}/dagRuns", run_type="backfill", limit=10)["dag_runs"]
            return len(runs) == len(ends) and {run["state"] for run in runs} <= {"success", "failed"}

        eventually(ended, 1800, every=2)
    told = json.loads(workflow.genai("history", DATED, "--json").stdout)
    filled = [run for run in told["runs"] if run["run_id"].startswith("backfill")]

    assert [run["as_of"] for run in filled] == ends
    for task in ("data_preparation.aggregate", "training.pretrain", "customization.tune"):
        assert sum(task in run["ran"] for run in filled) == len(news), (task, filled)
    assert len({run["dataset"] for run in filled}) == len(news)
    assert {run["verdict"] for run in filled} == {"passed"}
    assert {run["champion"] for run in filled} == {"left as it was"}
    assert read(workflow.store.bucket, DATED) == champion


def test_bad_input_is_one_line_and_nothing_starts(workflow: Workflow, tmp_path: Path) -> None:
    write_small_use_case(tmp_path)
    path = tmp_path / f"{NAME}.yaml"
    path.write_text(path.read_text().replace("lora:", "lora:\n    ranck: 4", 1))
    environment = os.environ | {
        "GENAI_USE_CASES_FOLDER": str(tmp_path),
        "GENAI_STATE_FOLDER": str(tmp_path / "state"),
        "PYTHONPATH": str(PROJECT_ROOT),
    }
    command = [sys.executable, "-m", "include.cli.main", "run", NAME]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "customization.lora.ranck" in done.stderr and "rank" in done.stderr
