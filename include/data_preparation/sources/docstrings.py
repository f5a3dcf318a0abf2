"""Docstrings of public functions, classes and methods, read from source files that are never imported."""

import ast
import importlib.metadata
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path, PurePath

from include.core.errors import SourceError
from include.data_preparation.documents import Document

PYTHON_LICENSE = "PSF-2.0"
_SKIPPED = {"test", "tests", "testing", "idlelib", "lib2to3", "site-packages", "turtledemo", "ensurepip", "pydoc_data"}
_CLASSIFIERS = {
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": PYTHON_LICENSE,
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "ISC License (ISCL)": "ISC",
}


def standard_library() -> Iterator[Document]:
    """Docstrings of this Python's standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        yield from file_docstrings(path, path.relative_to(root), PYTHON_LICENSE)


def package(name: str) -> list[Document]:
    """Docstrings of an installed distribution; SourceError where it is missing or has none."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise SourceError(
            "data_preparation.aggregate.packages",
            name,
            "this distribution is not installed",
            "Install it or take it off the list",
        ) from None
    license = license_of(distribution)
    found = [
        document
        for file in sorted(distribution.files or [], key=str)
        if file.suffix == ".py" and ".." not in file.parts
        for document in file_docstrings(Path(str(distribution.locate_file(file))), file, license)
    ]
    if not found:
        raise SourceError(
            "data_preparation.aggregate.packages",
            name,
            "no docstring of a public function or class was found in its files",
            "Take it off the list, or install it with its source files",
        )
    return found


def file_docstrings(path: Path, relative: PurePath, license: str) -> Iterator[Document]:
    """Docstrings of one file; none where it is no readable Python, or a test."""
    parts = [part for part in relative.with_suffix("").parts if part != "__init__"]
    if not parts or _SKIPPED & set(parts) or parts[-1].startswith("test_"):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    # private modules are how packages lay out public names: httpx._client.Client is httpx.Client
    module = ".".join(part for part in parts if not part.startswith("_"))
    yield from _walk(tree, module, license)


def license_of(distribution: importlib.metadata.Distribution) -> str:
    """SPDX expression of a distribution's licence, or `unknown`."""
    metadata = distribution.metadata
    stated = next((metadata[name].strip() for name in ("License-Expression", "License") if metadata.get_all(name)), "")
    if stated and len(stated) <= 60 and "\n" not in stated:
        return re.sub(
            r"^(Apache 2\.0|MIT) License$", lambda match: match[1].replace("Apache 2.0", "Apache-2.0"), stated
        )
    for classifier in metadata.get_all("Classifier") or []:
        name = classifier.rpartition(" :: ")[2]
        if name in _CLASSIFIERS:
            return _CLASSIFIERS[name]
        if name == "BSD License":
            return _bsd_variant(distribution)
    return "unknown"


def _bsd_variant(distribution: importlib.metadata.Distribution) -> str:
    for file in distribution.files or []:
        if re.match(r"(?i)licen[cs]e", file.name):
            text = Path(str(distribution.locate_file(file))).read_text(encoding="utf-8", errors="replace")
            return "BSD-3-Clause" if re.search(r"[Nn]either\s+the\s+name", text) else "BSD-2-Clause"
    return "unknown"


def _walk(node: ast.AST, prefix: str, license: str) -> Iterator[Document]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or child.name.startswith("_"):
            continue
        name = f"{prefix}.{child.name}".lstrip(".")
        text = ast.get_docstring(child)
        if text and text.strip():
            yield Document(f"docstring:{name}", "docstrings", name, _encodable(text), license)
        if isinstance(child, ast.ClassDef):
            yield from _walk(child, name, license)


def _encodable(text: str) -> str:
    """Source may spell lone surrogates, which UTF-8 cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8")
