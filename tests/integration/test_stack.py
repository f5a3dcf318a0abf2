"""The local stack with its real servers: it starts, runs a workflow, survives kill -9, and stops without a trace."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from include.cli.run import run_workflow
from include.core.errors import GenaiError, PrerequisiteError
from include.core.settings import PROJECT_ROOT
from include.local.guard import bindable
from include.local.ports import LISTENING
from include.local.sessions import MARK, Session, marked, members, processes, read_process
from include.local.stack import Stack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
DAGS = PROJECT_ROOT / "tests" / "local" / "dags"
SERVERS = ("object-store", "triton", "api-server", "scheduler", "dag-processor", "triggerer")


@pytest.fixture(scope="module")
def stack(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    found = new_stack(DAGS)
    found.up()
    yield found
    found.stop()


def eventually(condition: Callable[[], bool], seconds: float = 90) -> float:
    """Wait for a condition; how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


def session(stack: Stack, program: str) -> Session:
    found = stack.session(program)
    assert found, program
    return found


def healthy(stack: Stack, program: str) -> bool:
    return any(entry.name == program and entry.state == "healthy" for entry in stack.status())


def reborn(stack: Stack, program: str, old: Session) -> bool:
    now = stack.session(program)
    return now is not None and now != old and healthy(stack, program)


def interrupted(stack: Stack) -> GenaiError:
    with pytest.raises(GenaiError) as raised:
        run(stack, seconds=60)
    return raised.value


def run(stack: Stack, **overrides: object) -> tuple[int, str]:
    text = io.StringIO()
    code = run_workflow(stack, "sample_workflow", overrides, force=False, console=Console(file=text, width=200))
    return code, text.getvalue()


def test_all_is_healthy_and_a_second_start_changes_nothing(stack: Stack) -> None:
    before = {name: session(stack, name) for name in SERVERS}
    stack.up()

    assert {name: session(stack, name) for name in SERVERS} == before
    assert all(healthy(stack, name) for name in SERVERS)
    assert all(entry.memory > 0 for entry in stack.status() if entry.name in SERVERS)


def test_strangers_are_kept_out(stack: Stack) -> None:
    settings = stack.settings
    assert httpx.get(f"http://{settings.s3_address}/{settings.s3_bucket}").status_code == 403
    assert httpx.get(f"http://127.0.0.1:{settings.airflow_port}/api/v2/dags").status_code == 401
    assert (stack.at.state / "credentials.json").stat().st_mode & 0o077 == 0
    for name in SERVERS:
        assert stack.at.spec(name).stat().st_mode & 0o077 == 0


def test_all_servers_listen_on_loopback_only(stack: Stack) -> None:
    inodes = {
        str(link.readlink())
        for name in SERVERS
        for process in members(session(stack, name))
        for link in Path(f"/proc/{process.pid}/fd").iterdir()
        if link.is_symlink()
    }
    lines = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    addresses = {
        line[1].partition(":")[0] for line in lines if line[3] == LISTENING and f"socket:[{line[9]}]" in inodes
    }
    # 127.0.0.1, and the same written as an IPv6 address
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert addresses


def test_a_workflow_runs_and_is_told(stack: Stack) -> None:
    code, text = run(stack)

    assert code == 0, text
    assert "data_preparation.clean (3 tasks)" in text
    assert "strategy.charter/abababababab" in text
    assert "objectives 3" in text
    assert "-1.2 .. -0.6" in text
    assert stack.credentials.airflow_password in text


def test_a_failed_workflow_names_task_error_and_page(stack: Stack) -> None:
    code, text = run(stack, fail=True)

    assert code == 1
    assert "failed: customization.gate: ValueError: answer_nll = 9: it is not better" in text
    assert f"http://127.0.0.1:{stack.settings.airflow_port}/dags/sample_workflow/runs/manual__" in text


def test_a_run_outlives_kill_9_of_scheduler_api_server_and_store(stack: Stack) -> None:
    ends: list[tuple[int, str]] = []
    thread = threading.Thread(target=lambda: ends.append(run(stack, seconds=4)))
    thread.start()
    with stack.api() as api:
        eventually(
            lambda: any(
                task["state"] == "running" and task["task_id"] == "data_preparation.clean"
                for task in api.get("/dags/~/dagRuns/~/taskInstances", limit=100, state="running")["task_instances"]
            )
        )
    old = {name: session(stack, name) for name in ("scheduler", "object-store", "triton", "api-server")}
    for victim in old.values():
        os.kill(victim.sid, signal.SIGKILL)
    for name, victim in old.items():
        eventually(lambda name=name, victim=victim: reborn(stack, name, victim))  # type: ignore[misc]
        assert members(victim) == []
    thread.join(240)

    assert ends and ends[0][0] == 0, ends


def test_a_killed_guard_takes_its_server_along_and_both_come_back(stack: Stack) -> None:
    old = session(stack, "triton")
    leader = read_process(old.sid)
    assert leader
    os.kill(leader.parent, signal.SIGKILL)

    eventually(lambda: reborn(stack, "triton", old))
    assert members(old) == []


def test_kill_9_of_the_supervisor_heals_by_itself(stack: Stack) -> None:
    keeper = stack.supervisor.processes()["keeper"]["pid"]
    old = {name: session(stack, name) for name in SERVERS}
    pid = stack.supervisor.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    for name, before in old.items():
        eventually(lambda name=name, before=before: reborn(stack, name, before), 180)  # type: ignore[misc]

    assert stack.supervisor.pid() not in (None, pid)
    eventually(lambda: stack.supervisor.processes()["keeper"]["pid"] not in (0, keeper))
    eventually(lambda: read_process(keeper) is None)
    assert all(members(before) == [] for before in old.values())


def test_a_killed_keeper_comes_back(stack: Stack) -> None:
    keeper = stack.supervisor.processes()["keeper"]["pid"]
    os.kill(keeper, signal.SIGKILL)
    eventually(lambda: stack.supervisor.processes()["keeper"]["pid"] not in (0, keeper))


def test_stop_ends_all_it_started_and_nothing_else(stack: Stack) -> None:
    detached = subprocess.Popen(["sleep", "600"], env=os.environ | {MARK: str(stack.at.root)}, start_new_session=True)
    foreign = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    sessions = [session(stack, name).sid for name in SERVERS]
    told: list[GenaiError] = []
    follower = threading.Thread(target=lambda: told.append(interrupted(stack)))
    follower.start()
    with stack.api() as api:
        eventually(lambda: bool(api.get("/dags/~/dagRuns", state="running", limit=1)["dag_runs"]))
    stack.stop()
    follower.join(60)

    assert "the local stack was stopped" in str(told[0])
    assert [process.pid for process in processes() if process.session in sessions] == []
    assert marked(MARK, str(stack.at.root)) == []
    assert detached.wait(5) == -signal.SIGTERM
    assert foreign.poll() is None
    assert all(bindable("127.0.0.1", port) for program in stack.programs for port in program.spec.ports)
    assert not list(Path("/dev/shm").glob(f"genai_triton_{stack.settings.triton_http_port}_*"))
    foreign.kill()
    foreign.wait()
    stack.stop()


def test_a_taken_port_is_one_line_before_anything_starts(stack: Stack) -> None:
    import socket

    with socket.socket() as taken:
        # connections that Triton closed linger on its port
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", stack.settings.triton_grpc_port))
        taken.listen()
        with pytest.raises(PrerequisiteError, match=rf"GENAI_TRITON_GRPC_PORT = .*process {os.getpid()}"):
            stack.up()
    assert not stack.running()
