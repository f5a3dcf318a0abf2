"""What must be there before the local stack starts, and what must hold once it has."""

import secrets
import subprocess

from include.artifacts.bucket import Bucket
from include.artifacts.conditions import check_conditions
from include.core.errors import PrerequisiteError, StoreAccessError
from include.core.pseudonym_key import key_file
from include.core.settings import Settings, server_port
from include.inferencing.access.local_tenant import ensure_local_tenant
from include.local import airflow, object_store, tritonserver
from include.local.credentials import Credentials, write_private
from include.local.guard import answers
from include.local.layout import layout
from include.local.ports import holder, require_free, session_owns
from include.local.preflight import available_memory, free_disk
from include.local.programs import Program, base_environment, store_address
from include.local.sessions import Session
from include.local.store_roles import policy, roles

# what a run writes; an installation needs settings.disk_needed_gb
RUN_DISK_GB = 2.0
# where others can reach the gateway, its operator makes the keys
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_machine(settings: Settings, programs: list[Program]) -> None:
    """PrerequisiteError names what is short of disk or memory, the first taken port, or the missing tool."""
    check_room(settings)
    declared = {name: port for name, port in settings.model_dump().items() if str(name).endswith("_port")}
    # ports of further Tritons follow from the first one's; the object store's inner ports, all others, from its S3 port
    numbers = range(settings.triton_servers, 0, -1)
    names = {server_port(port, number): name for number in numbers for name, port in declared.items()}
    for program in programs:
        for port in program.spec.ports:
            name = names.get(port, "s3_port")
            require_free(settings.host, f"GENAI_{name.upper()}", port, declared[name])
    if not settings.s3_endpoint and not layout(settings).weed.exists():
        weed = str(layout(settings).weed)
        raise PrerequisiteError("object store", weed, "it is not installed", "Run `make run` to install it")


def check_room(settings: Settings) -> None:
    """Disk and memory for a start; what is installed already needs less disk than its installation."""
    disk, disk_needed = free_disk(layout(settings).state), min(settings.disk_needed_gb, RUN_DISK_GB)
    if disk < disk_needed:
        remedy = "Free some, or set GENAI_STATE_FOLDER to a folder with room"
        raise PrerequisiteError("free disk", f"{disk:.1f} GB", f"a run needs {disk_needed:g} GB", remedy)
    memory, memory_needed = available_memory(), settings.memory_needed_gb
    if memory < memory_needed:
        remedy = "End other programs, or set GENAI_MEMORY_NEEDED_GB lower"
        raise PrerequisiteError("available memory", f"{memory:.1f} GB", f"a run needs {memory_needed:g} GB", remedy)


def prepare(settings: Settings, credentials: Credentials, programs: list[Program]) -> None:
    """Folders, identities, passwords and Airflow's database; where they exist already they are brought up to date."""
    at = layout(settings)
    (at.state / "object-store" / "data").mkdir(parents=True, exist_ok=True)
    for number in range(1, settings.triton_servers + 1):
        tritonserver.temporary(settings, number).mkdir(parents=True, exist_ok=True)
    at.airflow_home.mkdir(parents=True, exist_ok=True)
    identities = at.state / "object-store" / "s3.json"
    limited, known = (credentials.store_reader, credentials.store_gateway), roles(settings.model_repository)
    policies = {
        identity.name: policy(known[role], settings.s3_bucket)
        for identity, role in zip(limited, ("triton", "gateway"), strict=True)
    }
    object_store.write_identities(identities, credentials.store_admin, *limited, policies=policies)
    write_private(at.airflow_home / "passwords.json", airflow.passwords(credentials))
    if not key_file(settings).exists():
        write_private(key_file(settings), secrets.token_urlsafe(32))
    api_server = next(program for program in programs if program.name == "api-server")
    done = subprocess.run(
        [airflow.command("api-server")[0], "db", "migrate"],
        env=base_environment(settings) | api_server.spec.environment,
        capture_output=True,
        text=True,
        umask=0o077,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise PrerequisiteError("airflow db migrate", done.returncode, last, f"Look into {at.airflow_home}")


def check_store(settings: Settings, credentials: Credentials, session: Session | None) -> None:
    """The object store is ours, keeps strangers out, and has the bucket with the model repository."""
    address = store_address(settings, credentials)
    if not settings.s3_endpoint and (session is None or not session_owns(session, settings.s3_port)):
        raise PrerequisiteError(
            "GENAI_S3_PORT",
            settings.s3_port,
            f"{holder(settings.s3_port)} listens on it, not this stack's object store",
            "Stop that process or set GENAI_S3_PORT to a free port, then `make stop` and retry",
        )
    bucket = Bucket(address)
    # first what tells a dead server from one that lets strangers in
    bucket.check() if settings.s3_endpoint else bucket.ensure()
    scheme = "https" if address.secure else "http"
    if not answers(f"{scheme}://{address.endpoint}/{address.bucket}", 403, seconds=10):
        raise StoreAccessError(
            "GENAI_S3_ENDPOINT", address.endpoint, "an anonymous call is not refused", "Give the server keys"
        )
    check_conditions(bucket)
    # Triton takes a prefix without objects for a missing folder and exits
    bucket.put_bytes(f"{settings.model_repository}/README.txt", b"Triton's model repository. One folder a model.\n")
    if not settings.gateway_url and settings.host in LOOPBACK:
        ensure_local_tenant(bucket, credentials.gateway_key)
    layout(settings).repository_ready.touch()
