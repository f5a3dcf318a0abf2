"""What README, AGENTS and the decision pages say is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from include.core.settings import PROJECT_ROOT, Settings

PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "AGENTS.md"]
DECISIONS = sorted((PROJECT_ROOT / "docs" / "adr").glob("*.md"))
# keys of the object store, and addresses of a server
ELSEWHERE = ("/", "serving/", "feedback/", "aliases/")
ROOT_FILE = re.compile(r"[\w-]+\.(md|yaml|toml)|Dockerfile|Makefile|LICENSE")


def code_of(page: Path) -> list[str]:
    """Code spans and the lines of code blocks."""
    text = page.read_text()
    return re.findall(r"`([^`\n]+)`", text) + re.findall(r"^    (.+)$", text, re.MULTILINE)


def commands(tool: str) -> set[str]:
    """First arguments that the pages give a command line tool."""
    found = [match[1] for page in PAGES for code in code_of(page) if (match := re.match(rf"{tool} ([a-z]+)", code))]
    return set(found)


def named_paths(page: Path) -> set[str]:
    """Paths in the repository that a page names; what a run creates, placeholders, keys and addresses are none."""
    settings_left_out = re.sub(r"^\| `GENAI_.*$", "", page.read_text(), flags=re.MULTILINE)
    spans = re.findall(r"`([\w./-]+)`", settings_left_out)
    inside = [span for span in spans if "/" in span or ROOT_FILE.fullmatch(span)]
    return {path for path in inside if not path.startswith((".genai", *ELSEWHERE))}


def test_every_make_target_that_is_named_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "stop", "status", "check", "bench", "help"} <= set(targets)
    assert {"run", "test"} <= commands("make") <= set(targets)


def test_every_command_of_genai_that_is_named_exists() -> None:
    named = commands("genai")
    assert {"ask", "run"} <= named
    for command in named:
        line = [sys.executable, "-m", "include.cli.main", command, "--help"]
        assert subprocess.run(line, cwd=PROJECT_ROOT, capture_output=True).returncode == 0, command


@pytest.mark.parametrize("page", [*PAGES, *DECISIONS], ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    missing = {path for path in named_paths(page) if not (PROJECT_ROOT / path).exists()}
    assert missing == set()


def test_the_settings_table_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(GENAI_\w+)` \| (?:`(.*?)`)? ?\| (.+) \|$", PAGES[0].read_text(), re.MULTILINE)
    expected = []
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        shown = "" if default is None else str(default).replace(f"{PROJECT_ROOT}/", "")
        expected.append((f"GENAI_{name.upper()}", {"False": "false"}.get(shown, shown), field.description))
    assert rows == expected


def test_every_decision_says_what_would_break_it() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]
    for page in DECISIONS:
        last = page.read_text().strip().split("\n\n")[-1]
        assert last.startswith("A change breaks this when"), page.name
