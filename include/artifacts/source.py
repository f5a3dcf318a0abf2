"""One module's source: what of it decides its behaviour, and what it imports."""

import ast
import hashlib
from functools import lru_cache
from typing import NamedTuple

# where a module reads docstrings, they are behaviour; ast.get_docstring reads other programs' text
DOCSTRING_READERS = {"__doc__", "getdoc", "pydoc", "model_json_schema", "json_schema", "use_attribute_docstrings"}
# and where one reads its own source, all of it is
SOURCE_READERS = {"getsource", "getsourcelines", "linecache"}


class Source(NamedTuple):
    """What is known of a module's text.

    `digests` are three: of its syntax tree without docstrings, with them, and of its bytes; "" where nothing is left.
    `reading` is the index of the one that a program with this module needs. `imports` are modules, and names taken
    from modules, which may be modules too; `named` are texts that may name a module or a file of the project.
    """

    digests: tuple[str, str, str]
    reading: int
    imports: tuple[str, ...]
    named: tuple[str, ...]


@lru_cache(2048)
def read_source(data: bytes, module: str, *, is_package: bool) -> Source:
    """Read a module's bytes; SyntaxError where they are no Python."""
    tree = ast.parse(data)
    nodes = list(ast.walk(tree))  # once: walking is most of what a step's start costs
    package = module if is_package else module.rpartition(".")[0]
    words = _words(nodes)
    reading = 2 if words & SOURCE_READERS else 1 if words & DOCSTRING_READERS else 0
    imports, named = _imports(nodes, package), _named(nodes, package, is_package=is_package)
    for node in nodes:
        if isinstance(node, ast.Constant):
            node.kind = None  # u"text" is "text"
    whole = _digest(ast.dump(tree).encode()) if tree.body else ""
    plain = _without_docstrings(tree, nodes)
    return Source(
        (_digest(ast.dump(plain).encode()) if plain.body else "", whole, _digest(data) if data else ""),
        reading,
        tuple(imports),
        tuple(named),
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _words(nodes: list[ast.AST]) -> set[str]:
    """Every name, attribute, keyword and text."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found |= set(node.name.split("."))
        elif isinstance(node, ast.keyword):
            found.add(node.arg or "")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
    return found


def _imports(nodes: list[ast.AST], package: str) -> list[str]:
    """Modules that a module of `package` imports, and what it reaches through them by dots."""
    found: list[str] = []
    bound: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
            bound |= {alias.asname: alias.name for alias in node.names if alias.asname}
            bound |= {top: top for alias in node.names if not alias.asname for top in [alias.name.split(".")[0]]}
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")
            base = parents[: len(parents) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found += [name, *(f"{name}.{alias.name}" for alias in node.names)]
            bound |= {alias.asname or alias.name: f"{name}.{alias.name}" for alias in node.names}
    found += [f"{bound[root]}.{rest}" for root, rest in _dotted(nodes) if root in bound]
    return list(dict.fromkeys(found))


def _dotted(nodes: list[ast.AST]) -> list[tuple[str, str]]:
    """Chains of attributes: the name that they start from, and the rest."""
    found = []
    for node in nodes:
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name):
            found.append((inner.id, ".".join(reversed(names))))
    return found


def _named(nodes: list[ast.AST], package: str, *, is_package: bool) -> list[str]:
    """Texts that may name a module: `package.module`, `.module`, `package/module.py`, in a package also `module`."""
    found = []
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        name = text.removesuffix(".py").replace("/", ".") if text.endswith(".py") else text
        if not name or not all(part.isidentifier() for part in name.removeprefix(".").split(".")):
            continue
        if name.startswith("."):
            found.append(f"{package}{name}")
        elif "." in name:
            found.append(name)
        elif is_package:
            found.append(f"{package}.{name}")
    return list(dict.fromkeys(found))


def _without_docstrings(tree: ast.Module, nodes: list[ast.AST]) -> ast.Module:
    """The tree without statements that are a text and nothing else: docstrings, and texts below an attribute."""
    for node in nodes:
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if isinstance(body, list):
                kept = [one for one in body if not _is_text(one)]
                if not kept and body and field == "body" and not isinstance(node, ast.Module):
                    kept = [ast.Pass()]
                setattr(node, field, kept)
    return tree


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
