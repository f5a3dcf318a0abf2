"""Jobs as processes of this machine, in sessions of their own: they outlive the worker that started them."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

from include.core.processes import is_alive
from include.core.settings import PROJECT_ROOT, settings
from include.jobs.book import Job
from include.jobs.mark import JOB_MARK

STOP_SECONDS = 5.0
POLL_SECONDS = 0.05
KEPT_SECONDS = 7 * 24 * 3600
# what a task has in its environment that is none of a job's business: Airflow's keys and connections, and MLflow's
OTHERS = ("AIRFLOW", "__AIRFLOW", "GENAI_MLFLOW_")
# children of this process, which would otherwise stay zombies
_children: dict[str, "subprocess.Popen[bytes]"] = {}


class LocalJobs:
    """Starts jobs beside the worker."""

    name = "local"

    def launch(self, job: Job, environment: dict[str, str]) -> None:
        """Start the job's process; what it says before it reaches the store lies in `jobs/` of the scratch folder."""
        log = settings().scratch / "jobs" / f"{job.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        for old in log.parent.iterdir():
            with suppress(FileNotFoundError):  # another worker tidies up too
                if time.time() - old.stat().st_mtime > KEPT_SECONDS:
                    old.unlink()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OTHERS)}
        search = filter(None, [str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])
        with log.open("wb") as output:
            _children[job.id] = subprocess.Popen(
                [sys.executable, "-m", "include.jobs.run_step", job.request.key, str(job.start)],
                env=kept | environment | {JOB_MARK: job.id, "PYTHONPATH": os.pathsep.join(search)},
                cwd=PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def is_alive(self, job: Job) -> bool | None:
        """By its process id and start time; None for a job of another machine, or one that has not begun yet."""
        child = _children.get(job.id)
        if child and child.poll() is not None:
            return False
        if job.runner is None:
            return True if child else None
        return is_alive(job.runner.process) if job.runner.host == socket.gethostname() else None

    def stop(self, job: Job) -> None:
        """Ask the job's process, which ends all that it has started, and kill it where it does not end."""
        child = _children.get(job.id)
        if job.runner is None and child:
            child.kill()
        if job.runner is None or job.runner.host != socket.gethostname():
            return
        pid = int(job.runner.process.partition("@")[0])
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not is_alive(job.runner.process):
                return
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while is_alive(job.runner.process) and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)

    def describe(self, job: Job) -> str:
        """The process and its machine."""
        if job.runner is None:
            return "starting"
        return f"process {job.runner.process.partition('@')[0]} on {job.runner.host}"
