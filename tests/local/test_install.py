"""The installer's decisions and its check of the machine, run by the system's Python as `make` does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT
from include.local import install as installer


def install(state: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GENAI_")}
    environment = kept | {"GENAI_STATE_FOLDER": str(state)} | variables
    line = [sys.executable, "-m", "include.local.install", *arguments]
    return subprocess.run(line, capture_output=True, text=True, cwd=PROJECT_ROOT, env=environment, check=False)


def free_ports() -> dict[str, str]:
    names = ("S3", "AIRFLOW", "AIRFLOW_HEALTH", "AIRFLOW_LOG", "AIRFLOW_TRIGGER_LOG")
    names += ("TRITON_HTTP", "TRITON_GRPC", "TRITON_METRICS")
    found = {}
    for name in names:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found[f"GENAI_{name}_PORT"] = str(probe.getsockname()[1])
    return found


def test_too_little_disk_is_one_line(tmp_path: Path) -> None:
    done = install(tmp_path, GENAI_DISK_NEEDED_GB="1000000")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "1e+06 GB are needed" in done.stderr and "GENAI_STATE_FOLDER" in done.stderr


def test_too_little_memory_is_one_line(tmp_path: Path) -> None:
    done = install(tmp_path, GENAI_DISK_NEEDED_GB="0", GENAI_MEMORY_NEEDED_GB="1000000")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "GENAI_MEMORY_NEEDED_GB" in done.stderr


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        needs = {"GENAI_DISK_NEEDED_GB": "0", "GENAI_MEMORY_NEEDED_GB": "0"}
        done = install(tmp_path, "ports", **(free_ports() | needs | {"GENAI_TRITON_GRPC_PORT": port}))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and f"GENAI_TRITON_GRPC_PORT = {port}" in done.stderr


@pytest.mark.parametrize("name", ["GENAI_DISK_NEEDED_GB", "GENAI_MEMORY_NEEDED_GB", "GENAI_S3_PORT"])
def test_what_is_not_a_number_is_one_line(tmp_path: Path, name: str) -> None:
    needs = {"GENAI_DISK_NEEDED_GB": "0", "GENAI_MEMORY_NEEDED_GB": "0"}
    done = install(tmp_path, "ports", **(free_ports() | needs | {name: "many"}))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and f"{name} = many" in done.stderr


def test_an_environment_behind_a_link_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for part in ("venv", "serving", "tools"):
        (other / part).mkdir(parents=True)
        (other / part / "precious").touch()
        (tmp_path / part).symlink_to(other / part)
    needs = {"GENAI_DISK_NEEDED_GB": "0", "GENAI_MEMORY_NEEDED_GB": "0"}
    done = install(tmp_path, **(free_ports() | needs))

    assert done.returncode == 2
    assert "belongs to another checkout" in done.stderr
    assert all([path.name for path in part.iterdir()] == ["precious"] for part in other.iterdir())


def test_only_an_interrupted_installation_of_its_own_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installer, "STATE", tmp_path)
    made_by_hand = tmp_path / "venv" / "precious"
    made_by_hand.parent.mkdir()
    made_by_hand.touch()

    installer.begin("venv")
    assert made_by_hand.exists() and not installer.current("venv")
    installer.finish("venv")
    assert installer.current("venv")
    installer.begin("venv")
    assert made_by_hand.exists()
    installer.begin("venv")
    assert not made_by_hand.exists()


def test_a_removed_environment_is_not_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer, "STATE", tmp_path)
    for part in ("venv", "project"):
        installer.begin(part)
        installer.finish(part)
    (tmp_path / "venv").mkdir()
    assert installer.current("venv") and installer.current("project")
    (tmp_path / "venv").rmdir()
    assert not installer.current("venv") and not installer.current("project")
