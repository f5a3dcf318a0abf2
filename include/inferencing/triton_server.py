"""How the real tritonserver, unpacked from the nvidia-pytriton wheel, is started without Docker.

It serves CPU models of the python backend from a model repository in S3, under explicit model control:
nothing is loaded at start; deployments and the watcher load what should be served.
"""

import shutil
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.core.errors import PrerequisiteError

PYTHON = "3.11"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


def prepare(folder: Path) -> None:
    """Put the python stub beside the backend and make both programs executable; safe to repeat.

    `folder` is the unpacked wheel. PrerequisiteError where it is not one.
    """
    server = folder / "pytriton" / "tritonserver"
    stub = server / "python_backend_stubs" / PYTHON / "triton_python_backend_stub"
    if not stub.exists():
        raise PrerequisiteError(
            "tritonserver", str(folder), "is no unpacked nvidia-pytriton wheel", "Run the installation again"
        )
    target = server / "backends" / "python" / stub.name
    if not target.exists() or target.stat().st_size != stub.stat().st_size:
        partial = target.with_suffix(".partial")
        shutil.copyfile(stub, partial)
        partial.chmod(0o755)
        partial.rename(target)
    (server / "bin" / "tritonserver").chmod(0o755)


def shared_memory_prefix(grpc_port: int) -> str:
    """Prefix of the server's files in /dev/shm; unlike the default it is this server's alone."""
    return f"genai_triton_{grpc_port}_"


def remove_leftovers(grpc_port: int) -> None:
    """Delete shared memory that a killed server left behind. Call it only while the server is down."""
    for path in SHARED_MEMORY.glob(shared_memory_prefix(grpc_port) + "*"):
        path.unlink(missing_ok=True)


def command(
    folder: Path, store: StoreAddress, repository: str, host: str, http_port: int, grpc_port: int, metrics_port: int
) -> list[str]:
    """The server's command line; `repository` is the prefix in the store's bucket."""
    server = folder / "pytriton" / "tritonserver"
    scheme = "https" if store.secure else "http"
    return [
        str(server / "bin" / "tritonserver"),
        f"--model-repository=s3://{scheme}://{store.endpoint}/{store.bucket}/{repository}",
        f"--backend-directory={server / 'backends'}",
        f"--cache-directory={server / 'caches'}",
        f"--backend-config=python,shm-region-prefix-name={shared_memory_prefix(grpc_port)}",
        "--model-control-mode=explicit",
        # unloading one model must not make the whole server unready
        "--strict-readiness=false",
        "--exit-timeout-secs=10",
        "--log-verbose=0",
        f"--http-address={host}",
        f"--http-port={http_port}",
        f"--grpc-address={host}",
        f"--grpc-port={grpc_port}",
        f"--metrics-address={host}",
        f"--metrics-port={metrics_port}",
    ]


def environment(folder: Path, serving_python: Path, store: StoreAddress) -> dict[str, str]:
    """All variables of the server. `store` holds the read-only keys: Triton never writes to S3.

    `serving_python` is the interpreter of the serving environment: python stubs run with the first `python3`
    on PATH and with its real library folder.
    """
    if not serving_python.exists():
        raise PrerequisiteError(
            "GENAI_SERVING_PYTHON", str(serving_python), "there is no such interpreter", "Run the installation again"
        )
    # lib/ of the installation that the virtual environment was made from
    library = serving_python.resolve().parent.parent / "lib"
    return {
        "PATH": f"{serving_python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": f"{folder / 'nvidia_pytriton.libs'}:{library}",
        "AWS_ACCESS_KEY_ID": store.access_key,
        "AWS_SECRET_ACCESS_KEY": store.secret_key.get_secret_value(),
        "AWS_DEFAULT_REGION": store.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "LANG": "C.UTF-8",
    }
