"""The compiled extension of the project's own state serves all test sessions: compiling takes a minute."""

from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT, settings


@pytest.fixture(scope="session", autouse=True)
def shared_extensions(scratch: Path) -> None:
    """Jobs find the extension compiled where an earlier session or `make run` did so."""
    shared = PROJECT_ROOT / ".genai" / "torch_extensions"
    shared.mkdir(parents=True, exist_ok=True)
    link = settings().state_folder / "torch_extensions"
    if not link.exists():
        link.symlink_to(shared)
