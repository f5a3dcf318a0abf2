"""An Airflow of the benchmark's own: free ports, temporary home, SQLite, LocalExecutor."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

COMPONENTS = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])


class AirflowInstance:
    """Runs while the context is open; `options` are AIRFLOW__* variables beside those that keep it apart."""

    def __init__(self, home: Path, dags: Path, options: dict[str, str]) -> None:
        port = _free_port()
        self.home, self.log = home, home / "airflow.log"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
        self.processes: list[subprocess.Popen[bytes]] = []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "GENAI"))}
        self.environment = inherited | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API_AUTH__JWT_SECRET": os.urandom(32).hex(),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            **options,
        }

    def __enter__(self) -> "AirflowInstance":
        try:
            self._airflow("db", "migrate").wait()
            self.processes = [self._airflow(*component) for component in COMPONENTS]
            self._log_in(time.monotonic() + 180)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def await_dag(self, dag_id: str, seconds: float = 120) -> None:
        """Wait until the dag-processor has found a DAG; TimeoutError with the log's place."""
        deadline = time.monotonic() + seconds
        while self.client.get(f"/api/v2/dags/{dag_id}").status_code != 200:
            self._check(deadline, f"DAG {dag_id} does not appear")
        self.client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def run(self, dag_id: str, seconds: float = 180) -> list[dict[str, Any]]:
        """Trigger a DAG, wait for its success, and return its task instances."""
        started = self.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        path = f"/api/v2/dags/{dag_id}/dagRuns/{started.raise_for_status().json()['dag_run_id']}"
        deadline = time.monotonic() + seconds
        while (state := self.client.get(path).json()["state"]) != "success":
            if state == "failed":
                raise RuntimeError(f"the run of {dag_id} failed: see {self.log}")
            self._check(deadline, f"{dag_id} does not finish")
        return list(self.client.get(f"{path}/taskInstances").raise_for_status().json()["task_instances"])

    def _airflow(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                cwd=self.home,
                start_new_session=True,
            )

    def _log_in(self, deadline: float) -> None:
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self.client.get("/auth/token")
                if answer.is_success:
                    self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                    return
            self._check(deadline, "the API server does not answer")

    def _check(self, deadline: float, problem: str) -> None:
        """Pause between two looks; raise where it takes too long or a component has died."""
        if time.monotonic() > deadline or any(process.poll() is not None for process in self.processes):
            raise TimeoutError(f"{problem}:\n{self.log.read_text()[-2000:]}")
        time.sleep(1)

    def _stop(self) -> None:
        self.client.close()
        for process in self.processes:
            process.terminate()
        deadline = time.monotonic() + 20
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for pid in _session_members({process.pid for process in self.processes}):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.processes:
            process.wait()


def _session_members(sessions: set[int]) -> list[int]:
    """Processes of these sessions: Airflow gives its children process groups of their own, not sessions."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(entry.read_text().rpartition(")")[2].split()[3]) in sessions:
                found.append(int(entry.parent.name))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
