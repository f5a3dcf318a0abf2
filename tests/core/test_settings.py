"""Settings are read once, and a wrong one is named."""

from pathlib import Path

import pytest

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, read_settings


def test_the_defaults_are_the_local_stack() -> None:
    found = read_settings({"PATH": "/bin", "GENAI_S3_ENDPOINT": ""})
    assert found.state_folder == PROJECT_ROOT / ".genai"
    assert found.s3_address == "127.0.0.1:8333"
    assert found.triton_addresses == ("127.0.0.1:8001", "127.0.0.1:8011")


def test_all_tritons_are_named_and_none_has_anothers_port() -> None:
    named = read_settings({"GENAI_TRITON_URL": "triton:8001, other:9001"})
    assert named.triton_addresses == ("triton:8001", "other:9001")
    assert named.triton_address == "triton:8001,other:9001"
    with pytest.raises(ConfigurationError, match=r"GENAI_TRITON_SERVERS = '3': .*8022 .*GENAI_AIRFLOW_PORT"):
        read_settings({"GENAI_TRITON_SERVERS": "3", "GENAI_AIRFLOW_PORT": "8022"})


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("GENAI_S3_PORT", "99999", "less than or equal to 65535"),
        ("GENAI_TRAINING_RANKS", "two", "valid integer"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name} = '{value}': .*{problem}"):
        read_settings({name: value})


def test_a_wrong_key_is_never_shown() -> None:
    for name in ("GENAI_S3_SECRET_KEYS", "GENAI_API_TOKEN"):
        with pytest.raises(ConfigurationError, match=name) as caught:
            read_settings({name: "hidden-value"})
        assert "hidden-value" not in str(caught.value)


def test_folders_are_absolute_for_children_that_run_elsewhere() -> None:
    assert read_settings({"GENAI_STATE_FOLDER": "somewhere"}).state_folder == Path.cwd() / "somewhere"
