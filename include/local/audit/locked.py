"""Exact versions that the locks name."""

import re
from pathlib import Path
from typing import NamedTuple

from include.core.settings import PROJECT_ROOT

LOCKS = (
    "requirements.txt",
    "include/inferencing/requirements.txt",
    "include/platform/kubernetes/requirements.txt",
    "include/platform/mlflow/requirements.txt",
    "tests/requirements.txt",
    "benchmarks/requirements.txt",
)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)


class Package(NamedTuple):
    """A package at one version, and the first lock that names it."""

    name: str
    version: str
    lock: str


def locked(root: Path = PROJECT_ROOT) -> list[Package]:
    """All of them, each once."""
    found: dict[tuple[str, str], Package] = {}
    for lock in LOCKS:
        for name, version in pins(lock, root):
            found.setdefault((name, version), Package(name, version, lock))
    return sorted(found.values())


def pins(lock: str, root: Path = PROJECT_ROOT) -> list[tuple[str, str]]:
    """Name and version of each package of a lock."""
    return _PIN.findall((root / lock).read_text(encoding="utf-8"))
