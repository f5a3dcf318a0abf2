"""Reads a use case's YAML strictly, and lays overrides over it."""

import copy
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from include.core.errors import ConfigurationError


def read_document(path: Path) -> dict[str, Any]:
    """A YAML mapping; ConfigurationError with the line for broken YAML, a key given twice, or another type."""
    try:
        text = path.read_text(encoding="utf-8")
        # not libyaml's loader: it crashes the process on lists nested deeply enough
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is not None:
            _refuse_duplicates(root, path.name, "")
        content = loader.construct_document(root) if root is not None else None
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            path.name, error.object[error.start : error.end], "not UTF-8", "Save it as UTF-8"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path.name}: line {mark.line + 1}, column {mark.column + 1}" if mark else path.name
        shown = text.splitlines()[mark.line].strip() if mark and mark.line < len(text.splitlines()) else ""
        problem = " ".join(filter(None, [error.context, error.problem]))
        raise ConfigurationError(where, shown, f"not YAML: {problem}", "Correct this line or the one above") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(path.name, "", f"not YAML: {error}", "Correct the file") from None
    except OSError as error:
        raise ConfigurationError(path.name, "", f"it cannot be read: {error.strerror}", "Correct the file") from None
    if not isinstance(content, dict):
        raise ConfigurationError(
            path.name, content, "a use case is a mapping of sections", "Start from python_assistant.yaml"
        )
    return content


def _refuse_duplicates(node: yaml.Node, file: str, path: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_duplicates(item, file, f"{path}.{index}")
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            line = key.start_mark.line + 1
            raise ConfigurationError(
                f"{file}: line {line}", "", "a list or a mapping is no key", "Name the key by a word"
            )
        field = f"{path}.{key.value}".lstrip(".")
        line = key.start_mark.line + 1
        if key.value in lines:
            raise ConfigurationError(
                f"{file}: {field}",
                f"line {line}",
                f"the key is already given in line {lines[key.value]}",
                "Keep one of them",
            )
        lines[key.value] = line
        _refuse_duplicates(value, file, field)


def with_overrides(content: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A copy of `content` with the value at each dotted path replaced, sections made where they are missing."""
    changed = copy.deepcopy(content)
    for path, value in overrides.items():
        *sections, last = path.split(".")
        if not all([*sections, last]):
            raise ConfigurationError("parameter", path, "not a dotted path", "Write it as section.field")
        inner = changed
        for depth, section in enumerate(sections):
            inner = inner.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigurationError(
                    f"parameter {path}",
                    value,
                    f"{'.'.join(sections[: depth + 1])} is a value, not a section",
                    "Override that value as a whole",
                )
        inner[last] = value
    return changed


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the known one most like it, and all that are known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]}? " if close else ""
    return hint + (f"Known: {', '.join(names)}" if names else "Nothing is known there")
