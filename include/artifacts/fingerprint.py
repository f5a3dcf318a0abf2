"""What decides a step's result: its code, libraries, configuration and inputs, and how two of these differ."""

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from include.artifacts.manifest import FingerprintParts
from include.artifacts.source import Source, read_source
from include.core.settings import PROJECT_ROOT

# They carry bytes and messages, never results; a change of the store's format raises Manifest.format instead.
INFRASTRUCTURE = ("include.core", "include.artifacts", "include.local")


def code_parts(module: str) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of a module and of all project modules it imports, and versions of the libraries they import.

    Both are of what lies on disk now. TypeError for a module that cannot be read, such as a notebook's.
    """
    sources: dict[str, Source] = {}
    imported: set[str] = set()
    located = cache(_source)  # modules name one another often, and each look is for files
    waiting, seen = [module], set[str]()
    while waiting:
        name = waiting.pop()
        path = None if name in seen else located(name)
        seen.add(name)
        if path is None:
            continue
        sources[name] = found = read_source(path.read_bytes(), name, is_package=path.name == "__init__.py")
        # importing a module runs the packages around it
        waiting += [one for import_ in (*found.imports, name) for one in _with_parents(import_) if _counts(one)]
        waiting += [one for named in found.named if located(named) for one in _with_parents(named) if _counts(one)]
        imported |= {one.split(".")[0] for one in found.imports}
    libraries = {package for package in imported if not _is_ours(package)}
    if module not in sources:
        libraries.add(_outside(module))
    reading = max((source.reading for source in sources.values()), default=0)
    digests = {name: digest for name, source in sources.items() if (digest := source.digests[reading])}
    return dict(sorted(digests.items())), _versions(libraries)


def _outside(module: str) -> str:
    """The package of a module that is not this project's: all of it counts, or its version."""
    package = module.split(".")[0]
    if package == "__main__" or importlib.util.find_spec(package) is None:
        raise TypeError(f"the code of {module} cannot be read: a step lies in a module that can be imported")
    return package


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
    """The file of a module of this project; None for any other module, and for a package without __init__.py.

    A package hides a module of the same name, as in Python.
    """
    base = PROJECT_ROOT.joinpath(*module.split("."))
    return next((path for path in (base / "__init__.py", Path(f"{base}.py")) if path.is_file()), None)


def _is_ours(package: str) -> bool:
    return _source(package) is not None or any((PROJECT_ROOT / package).glob("*/*.py"))


def _counts(module: str) -> bool:
    return not any(module == name or module.startswith(f"{name}.") for name in INFRASTRUCTURE)


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[: end + 1]) for end in range(len(parts))]


def _versions(packages: set[str]) -> dict[str, str]:
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for package in sorted(packages - sys.stdlib_module_names):
        try:
            found[package] = _version(package, package)
        except importlib.metadata.PackageNotFoundError:
            names = _owners(package)
            found |= {name: _version(name, package) for name in names} or {package: _files_digest(package)}
    return found


def _version(distribution: str, package: str) -> str:
    """A distribution's version; with its files' digest where it is installed from a folder that people edit."""
    found = importlib.metadata.distribution(distribution)
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    return f"{found.version}+{_files_digest(package)}" if editable else found.version


def _files_digest(package: str) -> str:
    """Digest of the code of a package that no distribution owns; `absent` where there is none."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return "absent"
    folders = [Path(folder) for folder in spec.submodule_search_locations or []]
    files = [(path, folder) for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".so")]
    if not folders:
        files = [(path, path.parent) for path in [Path(str(spec.origin))] if path.is_file()]
    digest = hashlib.sha256()
    for path, folder in sorted(files):
        digest.update(f"{path.relative_to(folder)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _owners(package: str) -> list[str]:
    """The distributions that a package comes from, for one that is named unlike its distribution.

    As `packages_distributions` of the standard library tells it, which parses all there is to know of every
    distribution: ten times the time, in each task.
    """
    module = re.compile(rf"^{re.escape(package)}(/[^,]*)?\.py,", re.MULTILINE)
    found = []
    for distribution in importlib.metadata.distributions():
        declared = (distribution.read_text("top_level.txt") or "").split()
        if package in declared or (not declared and module.search(distribution.read_text("RECORD") or "")):
            found.append(distribution.metadata["Name"])
    return found
