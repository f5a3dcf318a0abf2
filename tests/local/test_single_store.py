"""A store of a notebook's own: it keeps what was written, and its server ends with the block."""

import socket
from pathlib import Path

import pytest

from include.core.errors import PrerequisiteError
from include.core.settings import PROJECT_ROOT, settings
from include.local.single_store import single_store


def test_a_later_store_of_the_folder_has_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    (settings().state_folder / "bin").symlink_to((PROJECT_ROOT / ".genai" / "bin").resolve())
    with single_store(tmp_path) as store:
        store.bucket.put_bytes("notes/one", b"kept")
        host, _, port = store.bucket.address.endpoint.partition(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    with single_store(tmp_path) as store:
        assert store.bucket.get_bytes("notes/one")[0] == b"kept"


def test_without_the_server_installed_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENAI_STATE_FOLDER", str(tmp_path))
    settings.cache_clear()
    with pytest.raises(PrerequisiteError, match="make install"), single_store(tmp_path):
        pass
    monkeypatch.undo()
    settings.cache_clear()
