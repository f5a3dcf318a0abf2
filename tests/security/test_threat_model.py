"""The threat model's promises are each held by tests that exist."""

import ast
import re
from functools import cache

import pytest

from include.core.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "threat-model.md"
ROW = re.compile(r"^\| (P\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def promises() -> dict[str, list[str]]:
    """Promise -> tests, as file::name."""
    return {number: re.findall(r"`([\w/]+\.py::\w+)`", tests) for number, _, tests in ROW.findall(PAGE.read_text())}


@cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((PROJECT_ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_promises_are_numbered_and_each_has_a_test() -> None:
    assert list(promises()) == [f"P{number}" for number in range(1, len(promises()) + 1)]
    assert len(promises()) > 10


@pytest.mark.parametrize("number", sorted(promises()))
def test_the_names_in_a_promise_exist(number: str) -> None:
    assert promises()[number], number
    for test in promises()[number]:
        file, name = test.split("::")
        assert name in names_in(file), test


def test_each_actor_and_boundary_of_the_picture_is_explained() -> None:
    text = PAGE.read_text()
    drawn = set(re.findall(r" ---\|(B\d+)\|", text))
    assert drawn and drawn == set(re.findall(r"^\| (B\d+) \|", text, re.MULTILINE))
