"""Calls and texts of the code, as the reference's pages tell them."""

import ast
from collections.abc import Iterator
from pathlib import Path

# stands for a text that is known only when it happens
OPEN = "..."


def calls(folder: Path) -> Iterator[tuple[ast.Call, dict[str, ast.expr]]]:
    """Calls of the code, each with what the names of its function were given."""
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = list(ast.walk(function))
                given = {
                    target.id: node.value
                    for node in inside
                    if isinstance(node, ast.Assign)
                    for target in node.targets
                    if isinstance(target, ast.Name)
                }
                yield from ((node, given) for node in inside if isinstance(node, ast.Call))


def text_of(node: ast.expr | None) -> str:
    """A text of the code as a reader sees it, `...` for what is known only then; `null` where there is none."""
    if node is None:
        return "null"
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _hole(part.value) if isinstance(part, ast.FormattedValue) else text_of(part) for part in node.values
        )
    return OPEN


def _hole(node: ast.expr) -> str:
    """What is known only when it happens, by the last name that the code has for it."""
    names = [one.attr if isinstance(one, ast.Attribute) else one.id for one in _named(node)]
    return names[-1].upper() if names else OPEN


def _named(node: ast.expr) -> Iterator[ast.Name | ast.Attribute]:
    """Variables and fields of an expression, without what is called and what is only a step to a field."""
    if isinstance(node, ast.Name | ast.Attribute):
        yield node
    elif isinstance(node, ast.Call):
        inside = [node.func.value] if isinstance(node.func, ast.Attribute) and not node.args else node.args
        yield from (found for part in inside for found in _named(part))
    else:
        parts = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)]
        yield from (found for part in parts for found in _named(part))
