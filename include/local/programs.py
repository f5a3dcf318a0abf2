"""The programs of the local stack and what each needs."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from include.artifacts.bucket import StoreAddress
from include.core.settings import PROJECT_ROOT, Settings
from include.local import airflow, object_store, tritonserver
from include.local.credentials import Credentials
from include.local.guard import GuardSpec
from include.local.layout import layout, python_folder, search_path
from include.local.sessions import MARK

# variables of the caller that would change what the servers do
FOREIGN = ("AIRFLOW", "GENAI_", "LOCAL_STACK", "AWS_", "PYTHON", "LOCAL_STACK_", "SUPERVISOR_", "WEED_", "TRITON")
CODE_MARK = "LOCAL_STACK_CODE"
SECRETS = ("s3_access_key", *(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr))
# checked before a start, of no meaning to a program
NEEDS = ("disk_needed_gb", "memory_needed_gb")


@dataclass(frozen=True)
class Program:
    """A guarded server; `component` is its name in Airflow's health report, `health` its own health check; one on
    `standby` runs only while the scaler wants it."""

    spec: GuardSpec
    address: str = ""
    health: tuple[str, int] | None = None
    component: str = ""
    standby: bool = False

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.spec.name


def base_environment(settings: Settings) -> dict[str, str]:
    """The caller's variables without those that would leak in, and the mark of this stack."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}
    fixed = {"PATH": search_path(python_folder()), "PYTHONPATH": str(PROJECT_ROOT)}
    return kept | fixed | {MARK: str(layout(settings).root)}


def settings_environment(settings: Settings) -> dict[str, str]:
    """GENAI_* variables that give a child these settings, without keys and the caller's checks."""
    values = settings.model_dump(mode="json", exclude={*SECRETS, *NEEDS})
    return {f"GENAI_{name.upper()}": str(value) for name, value in values.items() if value is not None}


def store_address(settings: Settings, credentials: Credentials) -> StoreAddress:
    """The object store in use: the configured one, else the local one with its generated keys."""
    address = StoreAddress.of(settings)
    if settings.s3_endpoint:
        return address
    admin = credentials.store_admin
    return StoreAddress.model_validate(
        address.model_dump() | {"access_key": admin.access_key, "secret_key": admin.secret_key}
    )


def programs(settings: Settings, credentials: Credentials, dags: Path | None = None) -> list[Program]:
    """What runs, in the order of start. A configured S3 server or Triton elsewhere replaces the local one."""
    address = store_address(settings, credentials)
    found = [] if settings.s3_endpoint else [_object_store(settings)]
    if not settings.triton_url:
        numbers = range(1, settings.triton_servers + 1)
        found += [_triton(settings, credentials, address, number) for number in numbers]
        found += [_serving_control(settings, address), _serving_scaler(settings, address)]
    if not settings.gateway_url:
        found.append(_gateway(settings, credentials, address))
    variables = airflow.environment(settings, credentials, address, dags)
    return found + [_airflow(settings, name, variables) for name in airflow.COMPONENTS]


@cache
def _code_mark() -> dict[str, str]:
    """Changes with the code and libraries that a server of ours holds in memory, so that `up` restarts it."""
    sources = [path for folder in ("include", "plugins") for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in [PROJECT_ROOT / "requirements.txt", *sources]:
        digest.update(str(path.relative_to(PROJECT_ROOT)).encode() + b"\0" + path.read_bytes())
    return {CODE_MARK: digest.hexdigest()[:12]}


def _spec(settings: Settings, name: str, command: list[str], environment: dict[str, str], **needs: object) -> GuardSpec:
    at = layout(settings)
    folder = at.state / name
    folder.mkdir(parents=True, exist_ok=True)
    values = {"folder": str(folder), "record": str(at.session(name)), "host": settings.host} | needs
    return GuardSpec(name, command, settings_environment(settings) | environment, **values)  # type: ignore[arg-type]


def _object_store(settings: Settings) -> Program:
    at = layout(settings)
    health = (f"http://{settings.host}:{settings.s3_port}/{settings.s3_bucket}", 403)
    command = object_store.command(
        at.weed,
        at.state / "object-store" / "data",
        at.state / "object-store" / "s3.json",
        settings.host,
        settings.s3_port,
        settings.s3_bucket,
    )
    ports = list(object_store.ports(settings.s3_port).values())
    spec = _spec(settings, "object-store", command, {"GOMEMLIMIT": "600MiB"}, ports=ports)
    return Program(spec, settings.s3_address, health)


def _needs_store(settings: Settings) -> dict[str, int]:
    return {} if settings.s3_endpoint else {f"http://{settings.s3_address}/{settings.s3_bucket}": 403}


def _triton(settings: Settings, credentials: Credentials, address: StoreAddress, number: int) -> Program:
    reader = credentials.store_reader
    keys = (reader.access_key, reader.secret_key)
    if settings.s3_endpoint:
        keys = (address.access_key, address.secret_key.get_secret_value())
    spec = _spec(
        settings,
        tritonserver.program(number),
        tritonserver.command(settings, address, number),
        tritonserver.environment(settings, *keys, number),
        waits=_needs_store(settings),
        files=[str(layout(settings).repository_ready)],
        ports=tritonserver.ports(settings, number),
        clean=tritonserver.leftovers(settings, number),
        stop_seconds=tritonserver.exit_seconds(number) + 3,
    )
    shown = settings.triton_addresses[number - 1]
    return Program(spec, shown, (tritonserver.health_url(settings, number), 200), standby=number > 1)


def _serving_control(settings: Settings, address: StoreAddress) -> Program:
    command = [str(python_folder() / "python"), "-m", "include.inferencing.control"]
    waits = _needs_store(settings) | {tritonserver.health_url(settings): 200}
    return Program(_spec(settings, "serving-control", command, address.environment() | _code_mark(), waits=waits))


def _serving_scaler(settings: Settings, address: StoreAddress) -> Program:
    command = [str(python_folder() / "python"), "-m", "include.local.serving_scaler"]
    waits = _needs_store(settings) | {tritonserver.health_url(settings): 200}
    return Program(_spec(settings, "serving-scaler", command, address.environment() | _code_mark(), waits=waits))


def pseudonym_environment(settings: Settings) -> dict[str, str]:
    """The key of pseudonyms, where it is not the local stack's own."""
    key = settings.pseudonym_key.get_secret_value()
    return {"GENAI_PSEUDONYM_KEY": key} if key else {}


def _gateway(settings: Settings, credentials: Credentials, address: StoreAddress) -> Program:
    own = credentials.store_gateway
    if not settings.s3_endpoint:
        keys = {"access_key": own.access_key, "secret_key": own.secret_key}
        address = StoreAddress.model_validate(address.model_dump() | keys)
    spec = _spec(
        settings,
        "gateway",
        [str(python_folder() / "python"), "-m", "include.inferencing.gateway"],
        address.environment() | _code_mark() | pseudonym_environment(settings),
        waits=_needs_store(settings),
        ports=[settings.gateway_port],
        stop_seconds=15,
    )
    return Program(spec, settings.gateway_address, (f"{settings.gateway_address}/ready", 200))


def _airflow(settings: Settings, name: str, variables: dict[str, str]) -> Program:
    waits = _needs_store(settings)
    health, ports = None, []
    if name == "api-server":
        health, ports = (airflow.health_url(settings), 200), [settings.airflow_port]
    else:
        waits = waits | {airflow.health_url(settings): 200}
    if name == "scheduler":
        health = (f"http://{settings.host}:{settings.airflow_health_port}/health", 200)
        ports = [settings.airflow_health_port]
    spec = _spec(settings, name, airflow.command(name), variables | _code_mark(), waits=waits, ports=ports)
    shown = {"api-server": airflow.base_url(settings)}.get(name, "")
    return Program(spec, shown, health, name.replace("-", "_") if name != "api-server" else "")
