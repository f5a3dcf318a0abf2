"""Tables and values in Markdown."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from include.core.settings import PROJECT_ROOT


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a bar inside a cell does not end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(value: Any) -> str:
    """A value as it is written in YAML; empty where there is nothing to show."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Path):
        value = str(value).replace(f"{PROJECT_ROOT}/", "")
    if isinstance(value, float):
        value = f"{value:g}"
    if isinstance(value, tuple | list):
        return f"`[{', '.join(map(str, value))}]`"
    return f"`{value}`" if value != "" else ""
