"""The tutorial is a program that can be followed, and the use case that it writes is one."""

import subprocess
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT
from include.use_cases import load_use_case
from tests.tutorial.page import PAGE, Command, WrittenFile, read_page

STEPS = list(read_page(PAGE.read_text(encoding="utf-8")))


def test_it_writes_a_use_case_that_is_valid(tmp_path: Path) -> None:
    written = [step for step in STEPS if isinstance(step, WrittenFile)]
    assert [Path(one.path).parent.as_posix() for one in written] == ["include/use_cases"]
    (tmp_path / Path(written[0].path).name).write_text(written[0].text)
    found = load_use_case(Path(written[0].path).stem, folder=tmp_path)
    assert found.data_preparation.split.label_questions


def test_its_first_commands_print_what_it_says(tmp_path: Path) -> None:
    first = next(step for step in STEPS if isinstance(step, Command))
    (tmp_path / "docs").symlink_to(PROJECT_ROOT / "docs")
    done = subprocess.run(["bash", "-euc", first.text], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, first.missing(done.stdout)) == (0, [])


def test_every_command_is_shell() -> None:
    for step in STEPS:
        if isinstance(step, Command):
            assert subprocess.run(["bash", "-n", "-c", step.text], capture_output=True).returncode == 0, step.text


def test_an_outcome_is_held_to_what_is_printed_in_its_order() -> None:
    step = Command("", ("exit code 2", "... lora ... rank 16 -> 8 ...", "... then this"))
    table = "│ lora │ runs │ customization.rank 16  │\n│      │      │ -> 8 (since run x)     │\n"
    assert step.missing(f"a line\nexit code 2\n{table}and then this") == []
    assert step.missing(f"then this\nexit code 2\n{table}") == ["... then this"]
    assert step.missing(f"exit code 23\n{table}then this") == ["exit code 2"]
    assert step.missing("exit code 2\nrank 16 -> 8, then this") == ["... lora ... rank 16 -> 8 ..."]


def test_a_block_that_nobody_can_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="names no file"):
        list(read_page("Some words.\n\n```yaml\na: 1\n```\n"))
    with pytest.raises(ValueError, match="no command"):
        list(read_page("```text\nout\n```\n"))
