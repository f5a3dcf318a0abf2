"""A store of a notebook's own: it keeps what was written, and its server ends with the block."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.core.errors import PrerequisiteError
from include.core.settings import PROJECT_ROOT, settings
from include.local.single_store import single_store


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder in which nothing is installed yet."""
    monkeypatch.setenv("GENAI_STATE_FOLDER", str(tmp_path / "state"))
    settings.cache_clear()
    yield tmp_path / "state"
    monkeypatch.undo()
    settings.cache_clear()


def test_a_later_store_of_the_folder_has_what_an_earlier_one_wrote(tmp_path: Path, state: Path) -> None:
    state.mkdir()
    (state / "bin").symlink_to((PROJECT_ROOT / ".genai" / "bin").resolve())
    with single_store(tmp_path / "store") as store:
        store.bucket.put_bytes("notes/one", b"kept")
        host, _, port = store.bucket.address.endpoint.partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    with single_store(tmp_path / "store") as store:
        assert store.bucket.get_bytes("notes/one")[0] == b"kept"


def test_without_the_server_installed_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match="make install"), single_store(tmp_path):
        pass
