"""The notebook: its cells until a model is trained run, and those after them call what there is as it can be called."""

import ast
import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from tests.tutorial.notebook import cells, run

TREES = [ast.parse(source) for source in cells()]


def imported() -> dict[str, Any]:
    """What the cells import of the project, by name."""
    nodes = [node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = [node for node in nodes if (node.module or "").startswith("include")]
    return {alias.name: getattr(import_module(str(node.module)), alias.name) for node in own for alias in node.names}


def called(function: ast.expr, names: dict[str, Any]) -> Callable[..., Any] | None:
    """What a call calls, as far as it is the project's."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        owner = names.get(function.value.id)
        # whose attribute a wrong name is none of
        return None if owner is None else getattr(owner, function.attr)
    found = names.get(function.id) if isinstance(function, ast.Name) else None
    # the workspace takes the place of the store that a step is called with
    return found.function if isinstance(found, Step) else found


def test_the_cells_until_a_model_is_trained_run() -> None:
    sources = cells()
    trains = next(number for number, source in enumerate(sources) if "include.training" in source)
    done = run([*sources[:trains], sources[-1]], capture=True)
    assert done.returncode == 0, done.stderr
    assert "data_preparation.split" in done.stdout
    assert "question" in done.stdout


def test_every_call_of_a_cell_is_one_that_its_function_takes() -> None:
    names = imported() | {"store": ArtifactStore.__new__(ArtifactStore)}
    calls = [node for tree in TREES for node in ast.walk(tree) if isinstance(node, ast.Call)]
    bound = set()
    for call in calls:
        if function := called(call.func, names):
            given = {word.arg: None for word in call.keywords if word.arg}
            try:
                inspect.signature(function).bind(*call.args, **given)
            except TypeError as error:
                raise AssertionError(f"{ast.unparse(call)}: {error}") from error
            bound.add(ast.unparse(call.func))
    assert {"split", "pretrain", "pretrain.parts", "evaluate", "PretrainConfig", "store.manifest"} <= bound
