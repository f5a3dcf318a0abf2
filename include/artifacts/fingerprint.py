"""What decides a step's result: its code, libraries, configuration and inputs, and how two of these differ."""

import ast
import hashlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from include.artifacts.manifest import FingerprintParts
from include.core.settings import PROJECT_ROOT

# They carry bytes and messages, never results; a change of the store's format raises Manifest.format instead.
INFRASTRUCTURE = ("include.core", "include.artifacts", "include.local")
# where one of these is read, docstrings are behaviour
DOCSTRING_READERS = {"__doc__", "getdoc", "get_docstring"}


@cache
def code_parts(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of a module and of all project modules it imports, and versions of the libraries they import."""
    digests: dict[str, str] = {}
    libraries: set[str] = set()
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        source = None if name in seen else _source(name)
        seen.add(name)
        if source is None:
            continue
        tree = ast.parse(source.read_bytes())
        imported = _imports(tree, name if source.name == "__init__.py" else name.rpartition(".")[0])
        if tree.body:
            digests[name] = hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).hexdigest()[:16]
        # importing a module runs the packages around it
        waiting += [found for one in (*imported, name) for found in _with_parents(one) if _counts(found)]
        libraries |= {top for one in imported if not _is_ours(top := one.split(".")[0])}
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


def _source(module: str) -> Path | None:
    """The file of a module of this project; None for any other module, and for a package without __init__.py."""
    base = PROJECT_ROOT.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def _is_ours(package: str) -> bool:
    return _source(package) is not None or any((PROJECT_ROOT / package).glob("*/*.py"))


def _counts(module: str) -> bool:
    return not any(module == name or module.startswith(f"{name}.") for name in INFRASTRUCTURE)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _imports(tree: ast.Module, package: str) -> list[str]:
    """Modules that a module of `package` imports, names taken from modules included: they may be modules."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found += [name, *(f"{name}.{alias.name}" for alias in node.names)]
    return found


def _without_docstrings(tree: ast.Module) -> ast.Module:
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if names & DOCSTRING_READERS:
        return tree
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
            names = _distributions().get(package, [])
            found |= {name: importlib.metadata.version(name) for name in names} or {package: _files_digest(package)}
    return found


def _files_digest(package: str) -> str:
    """Digest of the source of a package that no distribution owns; `absent` where there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return "absent"
    folders = [Path(folder) for folder in spec.submodule_search_locations or []]
    paths = sorted(path for folder in folders for path in folder.rglob("*.py")) or [Path(str(spec.origin))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


@cache
def _distributions() -> dict[str, list[str]]:
    # reads the file list of every installed distribution: only for packages named unlike their distribution
    return {package: list(names) for package, names in importlib.metadata.packages_distributions().items()}
