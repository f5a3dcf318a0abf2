"""supervisord, which starts the guards again when they end: its configuration and its client."""

import subprocess
import sys
import xmlrpc.client
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from include.core.errors import PrerequisiteError
from include.core.settings import PROJECT_ROOT, Settings
from include.local.credentials import write_private
from include.local.layout import Layout, python_folder
from include.local.programs import Program, base_environment

GROUP = "genai"
RUNNING = {"STARTING", "RUNNING", "BACKOFF"}
# longest path of a Unix socket; supervisord adds its pid while it binds
LONGEST_SOCKET = 96


def configuration(at: Layout, programs: list[Program]) -> str:
    """supervisord's configuration: guards and keeper are started again whenever they end."""
    lines = [
        "[unix_http_server]",
        f"file={_escape(at.socket)}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"logfile={_escape(at.logs / 'supervisord.log')}",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={_escape(at.state / 'supervisord.pid')}",
        f"directory={_escape(PROJECT_ROOT)}",
        "minfds=1024",
        "umask=077",
    ]
    keeper = [sys.executable, "-m", "include.local.keeper", python_folder() / "supervisord", at.state, at.root]
    lines += [
        "[program:keeper]",
        "command=" + " ".join(f'"{_escape(word)}"' for word in keeper),
        "startsecs=0",
        "autorestart=true",
        "redirect_stderr=true",
        f"stdout_logfile={_escape(at.log('keeper'))}",
    ]
    for program in programs:
        lines += [
            f"[program:{program.name}]",
            f'command="{_escape(sys.executable)}" -m include.local.guard "{_escape(at.spec(program.name))}"',
            "startsecs=0",
            f"autostart={'false' if program.standby else 'true'}",
            "autorestart=true",
            f"stopwaitsecs={int(program.spec.stop_seconds) + 12}",
            "redirect_stderr=true",
            f"stdout_logfile={_escape(at.log(program.name))}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
        ]
    lines += [f"[group:{GROUP}]", "programs=" + ",".join(program.name for program in programs)]
    return "\n".join(lines) + "\n"


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")


def launch(at: Layout, settings: Settings, programs: list[Program]) -> None:
    """Start supervisord in the background."""
    if len(str(at.socket)) > LONGEST_SOCKET:
        raise PrerequisiteError(
            "GENAI_STATE_FOLDER",
            str(at.root),
            f"a socket's path there would exceed {LONGEST_SOCKET} characters",
            "Name a shorter path",
        )
    at.logs.mkdir(parents=True, exist_ok=True)
    at.socket.unlink(missing_ok=True)
    path = at.state / "supervisord.conf"
    write_private(path, configuration(at, programs))
    done = subprocess.run(
        [str(python_folder() / "supervisord"), "-c", str(path)],
        env=base_environment(settings),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    if done.returncode:
        raise PrerequisiteError("supervisord", str(path), (done.stdout + done.stderr).strip(), "Read its log and retry")


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """A new connection for each call: supervisord may be another one since the last."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.close()
        return super().request(*args, **kwargs)


class Supervisor:
    """Client of this stack's supervisord."""

    def __init__(self, at: Layout) -> None:
        self.at = at
        transport = _Transport(None, None, f"unix://{at.socket}")
        self.proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call supervisord's RPC interface, e.g. `getAllProcessInfo`."""
        return getattr(self.proxy.supervisor, method)(*arguments)

    def pid(self) -> int | None:
        """supervisord's process id, or None where none answers."""
        if not self.at.socket.exists():
            return None
        try:
            return int(self.call("getPID"))
        except (OSError, xmlrpc.client.Error):
            return None

    def processes(self) -> dict[str, dict[str, Any]]:
        """supervisord's view of each guard, by program."""
        return {str(entry["name"]): entry for entry in self.call("getAllProcessInfo")}

    def running(self) -> set[str]:
        """Programs whose guards run, or are about to."""
        return {name for name, entry in self.processes().items() if entry["statename"] in RUNNING}

    def start(self, program: str) -> None:
        """Start a guard; one that runs does not matter."""
        self._unless("ALREADY_STARTED", "startProcess", program, False)

    def stop(self, program: str, wait: bool = True) -> None:
        """Stop a guard with its server; one that does not run does not matter."""
        self._unless("NOT_RUNNING", "stopProcess", program, wait)

    def restart(self, program: str) -> None:
        """Stop a guard with its server and start it anew."""
        self.stop(program)
        self.start(program)

    def _unless(self, said: str, method: str, program: str, wait: bool) -> None:
        try:
            self.call(method, f"{GROUP}:{program}", wait)
        except xmlrpc.client.Fault as fault:
            if said not in fault.faultString:
                raise
