"""Triton of the local stack: the real tritonserver out of the nvidia-pytriton wheel."""

import math
import os
import shutil
import sysconfig
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.core.errors import PrerequisiteError
from include.core.settings import Settings, server_port
from include.local.layout import layout, search_path
from include.use_cases.serving_rules import longest_deadline


def prepare(tools: Path) -> None:
    """Put the Python backend's stub where the server looks for it; executables become so (a wheel drops modes)."""
    home = tools / "pytriton" / "tritonserver"
    server, stubs = home / "bin" / "tritonserver", home / "python_backend_stubs"
    name = "triton_python_backend_stub"
    source, target = stubs / sysconfig.get_python_version() / name, home / "backends" / "python" / name
    if not server.exists() or not source.exists():
        raise PrerequisiteError("tritonserver", str(server), "it is not installed", "Run `make run` to install it")
    if not os.access(server, os.X_OK):
        server.chmod(0o755)
    if not target.exists() or not os.access(target, os.X_OK):
        partial = target.with_name(f"{name}.{os.getpid()}")
        shutil.copyfile(source, partial)
        partial.chmod(0o755)
        partial.rename(target)


def program(number: int) -> str:
    """Name of server `number`'s program; the first one always runs."""
    return "triton" if number == 1 else f"triton-{number}"


def shared_memory_prefix(settings: Settings, number: int = 1) -> str:
    """Prefix of this server's regions in /dev/shm; a killed server leaves them behind."""
    return f"genai_triton_{ports(settings, number)[0]}_"


def health_url(settings: Settings, number: int = 1) -> str:
    """Answers 200 once the server is up."""
    return f"http://{settings.host}:{ports(settings, number)[0]}/v2/health/live"


def temporary(settings: Settings, number: int = 1) -> Path:
    """Folder of the models' local copies; emptied at each start."""
    return layout(settings).state / program(number) / "tmp"


def leftovers(settings: Settings, number: int = 1) -> list[str]:
    """Patterns of what a killed server leaves behind: shared memory and local copies of models."""
    return [f"/dev/shm/{shared_memory_prefix(settings, number)}*", f"{temporary(settings, number)}/*"]  # noqa: S108


def ports(settings: Settings, number: int = 1) -> list[int]:
    """Ports the server listens on: HTTP, gRPC, metrics."""
    first = (settings.triton_http_port, settings.triton_grpc_port, settings.triton_metrics_port)
    return [server_port(port, number) for port in first]


def command(settings: Settings, address: StoreAddress, number: int = 1) -> list[str]:
    """The server's command line: models come from the bucket and are loaded on request only."""
    http, rpc, metrics = ports(settings, number)
    home = layout(settings).triton / "pytriton" / "tritonserver"
    scheme = "https" if address.secure else "http"
    host, _, port = address.endpoint.partition(":")
    endpoint = f"{scheme}://{host}:{port or (443 if address.secure else 80)}"
    return [
        str(home / "bin" / "tritonserver"),
        f"--model-repository=s3://{endpoint}/{address.bucket}/{settings.model_repository}",
        "--model-control-mode=explicit",
        "--strict-readiness=false",
        f"--backend-directory={home / 'backends'}",
        f"--cache-directory={home / 'caches'}",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix(settings, number)}",
        f"--http-address={settings.host}",
        f"--http-port={http}",
        f"--grpc-address={settings.host}",
        f"--grpc-port={rpc}",
        f"--metrics-address={settings.host}",
        f"--metrics-port={metrics}",
        f"--exit-timeout-secs={exit_seconds(number)}",
    ]


def exit_seconds(number: int) -> int:
    """Time for answers under way once it is told to end: a further server leaves while the others serve on, and its
    answers last up to a package's deadline."""
    return 5 if number == 1 else math.ceil(longest_deadline()) + 5


def environment(settings: Settings, access_key: str, secret_key: str, number: int = 1) -> dict[str, str]:
    """The server's variables: read-only keys, the wheel's libraries, and the serving environment first on PATH."""
    libraries = [str(layout(settings).triton / "nvidia_pytriton.libs"), str(sysconfig.get_config_var("LIBDIR"))]
    serving = settings.serving_interpreter.absolute().parent
    return {
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_DEFAULT_REGION": settings.s3_region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "PATH": search_path(serving),
        "TMPDIR": str(temporary(settings, number)),
        # where copies of models go, which a killed server leaves; it does not ask TMPDIR
        "TRITON_AWS_MOUNT_DIRECTORY": str(temporary(settings, number)),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(settings.rank_threads),
    }
