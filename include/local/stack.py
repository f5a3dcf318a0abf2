"""The local stack as a whole: up, stop, status."""

import fcntl
import json
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from include.core.errors import ServerUnavailableError
from include.core.settings import Settings
from include.jobs.slots import training_slots
from include.local import airflow, tritonserver
from include.local.airflow_api import AirflowApi
from include.local.credentials import ADMIN, Credentials, write_private
from include.local.guard import answers
from include.local.layout import layout
from include.local.preparation import check_machine, check_store, prepare
from include.local.programs import CODE_MARK, Program, programs
from include.local.sessions import (
    Session,
    end_strangers,
    kill_session,
    memory,
    read_process,
    read_session,
    reap,
    send,
    strangers,
)
from include.local.supervision import Supervisor, launch

START_SECONDS = 300.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class ProgramStatus:
    """One line of `genai status`; `state` is healthy, starting, standby (started by need) or stopped, memory in bytes,
    uptime in seconds."""

    name: str
    state: str
    pid: int | None
    uptime: float
    address: str
    memory: int


def _only_code_changed(stored: str, program: Program) -> bool:
    """Whether a program's stored specification differs from its new one in the code mark alone."""
    found, wanted = json.loads(stored), json.loads(program.spec.dumps())
    marks = [found["environment"].pop(CODE_MARK, None), wanted["environment"].pop(CODE_MARK, None)]
    return found == wanted and all(marks)


class Stack:
    """One local stack; `dags` replaces the project's DAG folder, `say` gets a line as things happen."""

    def __init__(self, settings: Settings, say: Callable[[str], None] = print, dags: Path | None = None) -> None:
        self.settings, self.say, self.at = settings, say, layout(settings)
        self.at.make_private()
        self.credentials: Credentials = self.at.credentials()
        self.programs: list[Program] = programs(settings, self.credentials, dags)
        self.supervisor = Supervisor(self.at)
        self._told: set[str] = set()

    def up(self) -> None:
        """Start what does not run, wait until all is healthy; what is healthy is left alone."""
        with self._alone():
            started, self._told = time.monotonic(), set()
            self.at.stopped.unlink(missing_ok=True)
            if not self.settings.triton_url:
                tritonserver.prepare(self.at.triton)
            if self.supervisor.pid() is not None and not self._guards_all():
                self.say("stack: restarting, it has other programs now")
                self._end()
            if self.supervisor.pid() is None:
                self._sweep()
                check_machine(self.settings, self.programs)
                prepare(self.settings, self.credentials, self.programs)
                self._write_specs()
                launch(self.at, self.settings, self.programs)
            else:
                self._restart_changed()
            if not self.settings.s3_endpoint:
                self._wait_healthy(started, {"object-store"})
            check_store(self.settings, self.credentials, self.session("object-store"))
            if self._wait_healthy(started):
                self.say(f"stack: up after {time.monotonic() - started:.0f} s, {airflow.base_url(self.settings)}")
            with self.api() as api:
                api.ensure_pool(airflow.ACCELERATOR_POOL, training_slots(self.settings))

    def stop(self) -> None:
        """End all that this stack started, and nothing else."""
        with self._alone():
            self.at.stopped.touch()
            self._end()
            self._sweep()

    def _end(self) -> None:
        """End supervisord with all it guards."""
        pid = self.supervisor.pid()
        if pid:
            self.supervisor.call("shutdown")
            deadline = time.monotonic() + STOP_SECONDS
            while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
                reap()
                time.sleep(0.05)

    def _guards_all(self) -> bool:
        """Whether the supervisord that runs was started for the programs of today."""
        return {program.name for program in self.programs} <= self.supervisor.processes().keys()

    def revive(self) -> None:
        """Start what has died as a whole; ServerUnavailableError where somebody stopped it."""
        if self.at.stopped.exists():
            url = airflow.base_url(self.settings)
            raise ServerUnavailableError("Airflow", url, "the local stack was stopped", "Run again to start it")
        if not self.running():
            self.up()

    def status(self) -> list[ProgramStatus]:
        """What runs, program by program."""
        known = self.supervisor.processes().keys() if self.supervisor.pid() else set()
        running = self.supervisor.running() if known else set()
        healthy = self._healthy() if running else set()
        return [
            self._status(program, program.name in (running if program.standby else known), program.name in healthy)
            for program in self.programs
        ]

    def running(self) -> bool:
        """Whether supervisord answers."""
        return self.supervisor.pid() is not None

    def api(self) -> AirflowApi:
        """A client of this stack's Airflow."""
        return AirflowApi(airflow.base_url(self.settings), ADMIN, self.credentials.airflow_password)

    def session(self, program: str) -> Session | None:
        """The session of a program's server; None where it never started."""
        return read_session(self.at.session(program))

    def _status(self, program: Program, guarded: bool, healthy: bool) -> ProgramStatus:
        session = self.session(program.name)
        alive = session is not None and read_process(session.sid) is not None
        if not guarded or session is None or not alive:
            state = "starting" if guarded else "standby" if program.standby and self.running() else "stopped"
            return ProgramStatus(program.name, state, None, 0, program.address, 0)
        uptime = time.time() - self.at.session(program.name).stat().st_mtime
        state = "healthy" if healthy else "starting"
        return ProgramStatus(program.name, state, session.sid, uptime, program.address, memory(session))

    def _healthy(self) -> set[str]:
        healthy = {program.name for program in self.programs if program.health and answers(*program.health)}
        components = self._components() if "api-server" in healthy else {}
        for program in self.programs:
            if program.component and components.get(program.component) != "healthy":
                healthy.discard(program.name)
            elif (program.component and not program.health) or (not program.health and self.session(program.name)):
                healthy.add(program.name)
        return healthy

    def _components(self) -> dict[str, str]:
        try:
            with urllib.request.urlopen(airflow.health_url(self.settings), timeout=5) as response:  # noqa: S310
                report = json.load(response)
        except (OSError, ValueError):
            return {}
        return {name: str(entry.get("status")) for name, entry in report.items()}

    def _wait_healthy(self, started: float, names: set[str] | None = None) -> bool:
        """Wait for `names`, else for all programs that can tell; False where all were healthy at once."""
        always = [program for program in self.programs if not program.standby]
        waiting = names or {program.name for program in always if program.health or program.component}
        ready = waiting & self._healthy()
        if ready == waiting:
            return False
        while not waiting <= self._told:
            for name in sorted(ready - self._told):
                self.say(f"{name}: healthy after {time.monotonic() - started:.0f} s")
            self._told |= ready
            if time.monotonic() - started > START_SECONDS:
                name = sorted(waiting - self._told)[0]
                raise ServerUnavailableError(
                    name, f"{START_SECONDS:.0f} s", f"it is not healthy; {self._last_line(name)}", self._log_hint(name)
                )
            time.sleep(0.2)
            ready = waiting & self._healthy()
        return True

    def _last_line(self, program: str) -> str:
        path = self.at.log(program)
        lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
        return f"its log ends: {lines[-1][:300]}" if lines else "it has no log"

    def _log_hint(self, program: str) -> str:
        return f"Read {self.at.log(program)}"

    def _restart_changed(self) -> None:
        paths = [(program, self.at.spec(program.name)) for program in self.programs]
        changed = [(p, path) for p, path in paths if not path.exists() or path.read_text() != p.spec.dumps()]
        # asked before the first restart, which may be the api-server's
        active, kept = bool(changed) and self._run_is_active(), []
        running = self.supervisor.running()
        for program, path in changed:
            if program.standby and program.name not in running:
                write_private(path, program.spec.dumps())
                continue
            if active and path.exists() and _only_code_changed(path.read_text(), program):
                kept.append(program.name)
                continue
            self.say(f"{program.name}: restarting with new settings")
            write_private(path, program.spec.dumps())
            self.supervisor.restart(program.name)
        if kept:
            self.say(f"{', '.join(kept)}: a run is active; the changed code is taken up by the next start")

    def _run_is_active(self) -> bool:
        """Whether Airflow answers and has a DAG run in progress."""
        if not answers(airflow.health_url(self.settings), 200):
            return False
        with self.api() as api:
            return bool(api.get("/dags/~/dagRuns", state="running", limit=1)["dag_runs"])

    def _write_specs(self) -> None:
        for program in self.programs:
            write_private(self.at.spec(program.name), program.spec.dumps())

    def _sweep(self) -> None:
        """End what a killed supervisord or guard left behind, detached jobs included."""
        for process in strangers(str(self.at.root)):
            send(process.pid, signal.SIGTERM)
        for program in self.programs:
            session = self.session(program.name)
            if session:
                kill_session(session)
                self.at.session(program.name).unlink()
        try:
            end_strangers(str(self.at.root), 3, STOP_SECONDS)
        except TimeoutError as error:
            raise ServerUnavailableError("stop", str(self.at.root), str(error), "Look at them with ps") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One `up` or `stop` at a time."""
        self.at.state.mkdir(parents=True, exist_ok=True)
        with (self.at.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
