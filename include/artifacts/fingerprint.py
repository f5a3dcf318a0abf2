"""What decides a step's result: its code, libraries, configuration and inputs, and how two of these differ."""

import ast
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from include.artifacts.manifest import FingerprintParts
from include.core.settings import PROJECT_ROOT

# They carry bytes and messages, never results; a change of the store's format raises Manifest.format instead.
INFRASTRUCTURE = ("include.core", "include.artifacts", "include.local")


@cache
def code_parts(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of a module and of all project modules it imports, and versions of the libraries they import."""
    digests: dict[str, str] = {}
    libraries: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in digests:
            continue
        tree = ast.parse(_source(name).read_text())
        digests[name] = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()[:16]
        for imported in _imports(tree):
            if imported.split(".")[0] != "include":
                libraries.add(imported.split(".")[0])
            elif not imported.startswith(INFRASTRUCTURE):
                waiting.append(imported)
    return dict(sorted(digests.items())), _versions(libraries)


def resource_digests(paths: Iterable[str]) -> dict[str, str]:
    """Digests of files, relative to the project, that a step reads beside its modules."""
    return {path: hashlib.sha256((PROJECT_ROOT / path).read_bytes()).hexdigest()[:16] for path in paths}


def explain(old: FingerprintParts, new: FingerprintParts, config_path: str) -> list[str]:
    """The differences, one line each, configuration first: `customization.lora.rank 8 -> 16`."""
    lines = [f"{name} {before} -> {after}" for name, before, after in _differences(old.config, new.config, config_path)]
    lines += [
        f"input {name} changed"
        for name in sorted(old.inputs.keys() | new.inputs.keys())
        if old.inputs.get(name) != new.inputs.get(name)
    ]
    lines += [
        f"code {name} changed"
        for name in sorted(old.code.keys() | new.code.keys())
        if old.code.get(name) != new.code.get(name)
    ]
    lines += [
        f"library {name} {before} -> {after}" for name, before, after in _differences(old.libraries, new.libraries, "")
    ]
    return lines


def _differences(old: Any, new: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(old.keys() | new.keys()):
            # the argument that holds the configuration object is the path itself
            inner = path if key == "config" else f"{path}.{key}".lstrip(".")
            found += _differences(old.get(key), new.get(key), inner)
        return found
    return [] if old == new else [(path, old, new)]


def _source(module: str) -> Path:
    base = PROJECT_ROOT.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _imports(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from include.training import shards` imports a module, `from include.training.shards import X` a name
            children = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [
                child if child.startswith("include.") and _source(child).exists() else node.module for child in children
            ]
    return found


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _versions(packages: set[str]) -> dict[str, str]:
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for package in sorted(packages - sys.stdlib_module_names):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found |= {name: importlib.metadata.version(name) for name in _distributions().get(package, [])}
    return found


@cache
def _distributions() -> dict[str, list[str]]:
    # reads the file list of every installed distribution: only for packages named unlike their distribution
    return {package: list(names) for package, names in importlib.metadata.packages_distributions().items()}
