"""What `python3 -m include.local.compose_env` writes."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.local.compose_env import compose_environment, write_environment


def test_the_environment_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    first, second = compose_environment(), compose_environment()
    write_environment(path, first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigurationError, match="lacks nothing"):
        write_environment(path, second)
    assert {name for name in first if first[name] == second[name]} == {"COMPOSE_PROFILES"}
    assert list(json.loads(first["AIRFLOW_PASSWORDS_JSON"])) == ["admin"]


def test_what_a_new_version_needs_is_added_to_the_environment(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("POSTGRES_PASSWORD='kept'\nTORCH_INDEX=mine")
    written = write_environment(path, compose_environment())
    assert "POSTGRES_PASSWORD" not in written and "REDIS_PASSWORD" in written
    assert path.read_text().startswith("POSTGRES_PASSWORD='kept'\nTORCH_INDEX=mine\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_environment_is_written_without_anything_installed() -> None:
    code = "from include.local.compose_env import compose_environment; print(*compose_environment())"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert done.stdout.split() == list(compose_environment()), done.stderr
