"""Secrets, environments and command lines of the local stack, without starting it."""

import configparser
import json
import socket
from pathlib import Path

import pytest

from include.artifacts.bucket import StoreAddress
from include.core.errors import ConfigurationError, PrerequisiteError
from include.core.settings import Settings, read_settings
from include.local import airflow
from include.local.credentials import read_credentials
from include.local.layout import layout
from include.local.preparation import check_machine, check_room
from include.local.programs import CODE_MARK, Program, base_environment, programs, settings_environment, store_address
from include.local.stack import _only_code_changed
from include.local.supervision import configuration
from tests.conftest import free_ports


def test_secrets_are_made_once_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "credentials.json"
    first = read_credentials(path)

    assert read_credentials(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(first.airflow_jwt_secret) >= 64


def test_a_damaged_secrets_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match="store_admin"):
        read_credentials(path)


def test_the_callers_variables_do_not_leak_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW__CORE__EXECUTOR", "AIRFLOW_HOME", "AWS_ACCESS_KEY_ID", "GENAI_S3_SECRET_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "from-the-caller")
    assert "from-the-caller" not in base_environment(Settings(state_folder=tmp_path)).values()


def test_another_shell_finds_the_same_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(state_folder=tmp_path)
    credentials = layout(settings).credentials()
    before = [program.spec.dumps() for program in programs(settings, credentials)]
    monkeypatch.setenv("PATH", "/somewhere/else")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere/else")
    settings = settings.model_copy(update={"memory_needed_gb": 0.5, "disk_needed_gb": 0.5})

    assert [program.spec.dumps() for program in programs(settings, credentials)] == before
    assert "/somewhere/else" not in base_environment(settings)["PATH"]


def test_changed_code_is_told_from_changed_settings(tmp_path: Path) -> None:
    settings = Settings(state_folder=tmp_path)
    scheduler = next(p for p in programs(settings, layout(settings).credentials()) if p.name == "scheduler")
    older = json.loads(scheduler.spec.dumps())
    older["environment"][CODE_MARK] = "older"

    assert _only_code_changed(json.dumps(older), scheduler)
    assert not _only_code_changed(json.dumps(older | {"ports": [1]}), scheduler)


def test_a_child_gets_the_settings_but_no_keys(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_folder": tmp_path, "s3_secret_key": "hidden", "training_ranks": 4})
    variables = settings_environment(settings)

    assert variables["GENAI_TRAINING_RANKS"] == "4"
    assert "hidden" not in variables.values()
    assert "GENAI_SERVING_PYTHON" not in variables


def test_keys_of_other_servers_reach_tasks_as_they_are_and_no_other_program(tmp_path: Path) -> None:
    given = {"state_folder": tmp_path, "text_api_key": "sk-text", "mlflow_token": "of-mlflow"}
    settings = Settings.model_validate(given)
    for program in programs(settings, layout(settings).credentials()):
        expected = {"GENAI_TEXT_API_KEY": "sk-text", "GENAI_MLFLOW_TOKEN": "of-mlflow"} if is_airflows(program) else {}
        found = {name: program.spec.environment[name] for name in expected}
        assert found == expected, program.name
        assert not any("*" in value for value in program.spec.environment.values())
        assert bool(expected) or not {"sk-text", "of-mlflow"} & set(program.spec.environment.values())


def is_airflows(program: Program) -> bool:
    return program.name in airflow.COMPONENTS


def test_every_program_can_read_its_settings(tmp_path: Path) -> None:
    settings = Settings(state_folder=tmp_path, training_ranks=3)
    for program in programs(settings, layout(settings).credentials()):
        found = read_settings(base_environment(settings) | program.spec.environment)
        assert (found.state_folder, found.training_ranks) == (tmp_path, 3)


def test_too_little_room_for_a_start_is_named(tmp_path: Path) -> None:
    settings = Settings(state_folder=tmp_path, memory_needed_gb=1e6)
    layout(settings).state.mkdir()
    with pytest.raises(PrerequisiteError, match=r"available memory = .*GENAI_MEMORY_NEEDED_GB"):
        check_room(settings)
    check_room(settings.model_copy(update={"memory_needed_gb": 0.001, "disk_needed_gb": 0.001}))


def test_the_connection_carries_address_and_keys() -> None:
    address = StoreAddress.model_validate(
        {"endpoint": "127.0.0.1:1", "bucket": "genai", "access_key": "a", "secret_key": "b"}
    )
    found = json.loads(airflow.store_connection(address))
    assert (found["host"], found["login"], found["password"]) == ("127.0.0.1:1", "a", "b")
    assert found["extra"] == {"bucket": "genai", "region": "us-east-1", "secure": False}


def test_servers_elsewhere_replace_the_local_ones(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {"state_folder": tmp_path, "s3_endpoint": "store:9000", "s3_access_key": "k", "triton_url": "triton:8001"}
    )
    credentials = layout(settings).credentials()
    names = [program.name for program in programs(settings, credentials)]

    assert names == ["gateway", *airflow.COMPONENTS]
    assert store_address(settings, credentials).access_key == "k"


def test_further_tritons_start_by_need_and_share_nothing(tmp_path: Path) -> None:
    settings = Settings(state_folder=tmp_path, triton_servers=3)
    credentials = layout(settings).credentials()
    found = [program for program in programs(settings, credentials) if program.name.startswith("triton")]
    started = configparser.RawConfigParser()
    started.read_string(configuration(layout(settings), found))

    assert [(program.name, program.standby) for program in found] == [
        ("triton", False),
        ("triton-2", True),
        ("triton-3", True),
    ]
    assert [started[f"program:{program.name}"]["autostart"] for program in found] == ["true", "false", "false"]
    for of in (lambda p: p.spec.ports, lambda p: p.spec.clean, lambda p: [p.spec.environment["TMPDIR"], p.address]):
        values = [value for program in found for value in of(program)]
        assert len(set(values)) == len(values)


def test_a_taken_port_of_a_further_triton_is_named(tmp_path: Path) -> None:
    base = free_ports(20)
    settings = Settings(
        state_folder=tmp_path, memory_needed_gb=0.001, disk_needed_gb=0.001, triton_http_port=base, s3_endpoint="s:1"
    )
    layout(settings).state.mkdir()
    found = [p for p in programs(settings, layout(settings).credentials()) if p.name == "triton-2"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 10))
        taken.listen()
        with pytest.raises(PrerequisiteError, match=rf"GENAI_TRITON_HTTP_PORT = {base}: .*port {base + 10}"):
            check_machine(settings, found)


def test_only_the_reader_s_keys_reach_triton(tmp_path: Path) -> None:
    settings = Settings(state_folder=tmp_path)
    credentials = layout(settings).credentials()
    triton = next(program for program in programs(settings, credentials) if program.name == "triton")

    assert triton.spec.environment["AWS_ACCESS_KEY_ID"] == credentials.store_reader.access_key
    assert credentials.store_admin.secret_key not in triton.spec.dumps()
