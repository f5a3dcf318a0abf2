"""Licences of what is installed from the locks here, as its metadata says them."""

import importlib.metadata
import re
import sysconfig
from collections import Counter
from functools import cache
from importlib.metadata import Distribution
from pathlib import Path

from include.local.audit.accepted import Accepted
from include.local.audit.locked import LOCKS, pins

# free to use, change and sell, the library itself shared alike at most
_FREE = re.compile(
    r"\b(MIT|MIT-0|MIT License|Apache|BSD|3-Clause BSD|ISC|PSF|Python Software Foundation|CNRI-Python|Unlicense|Zlib|"
    r"0BSD|CC0|ZPL|MPL|Mozilla|BSL-1\.0|Academic Free|LGPL|GNU Lesser|GNU Library or Lesser|Artistic)\b",
    re.IGNORECASE,
)
# names of licences that begin like free ones, or ask for more
_ASKS_MORE = re.compile(
    r"\b(AGPL|Affero|GPL\w*|GNU General|BUSL|SSPL|Commons.Clause|NC|Proprietary|Elastic)\b", re.IGNORECASE
)
# exceptions that allow more and ask for nothing
_ALLOWS_MORE = {"llvm-exception"}
_OR, _AND, _WITH = (re.compile(rf"\s+{word}\s+", re.IGNORECASE) for word in ("or", "(?:and|/|&)", "with"))
_LATER = re.compile(r"[\s-]+or[\s-]+(any\s+)?later(\s+version)?", re.IGNORECASE)
_LIBRARY = re.compile(r"GNU Library or Lesser", re.IGNORECASE)
# environments of their own, by the lock that they are installed from; all others are installed into the main one
_ELSEWHERE = {"include/inferencing/requirements.txt": "serving", "include/platform/mlflow/requirements.txt": "mlflow"}


def licences(state: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Name and licence of each package that is installed, below a state folder or here, once.

    And a line for each lock of which some packages are not installed here.
    """
    found: set[tuple[str, str]] = set()
    unread: list[str] = []
    for lock in LOCKS:
        installed = _installed(state / _ELSEWHERE[lock] if lock in _ELSEWHERE else None)
        counted: Counter[bool] = Counter()
        for name, version in pins(lock):
            there = installed.get(_plain(name))
            is_it = there is not None and there.version.partition("+")[0] == version
            counted[is_it] += 1
            if there is not None and is_it:
                found.add((name, named(there)))
        if counted[False]:
            unread.append(f"{lock}: {counted[False]} of {counted.total()} packages are not installed here")
    return sorted(found), unread


def refused(accepted: Accepted, found: list[tuple[str, str]]) -> list[str]:
    """A line for each package whose licence is neither free nor accepted by name."""
    known = {(one.package, one.licence) for one in accepted.licences}
    return [
        f"{name} is under {licence or 'no licence that it names'}: name it in accepted.yaml with a reason, or leave it"
        for name, licence in found
        if not is_free(licence) and (name, licence) not in known
    ]


def is_free(licence: str) -> bool:
    """Whether one of its choices (OR), each with all of its parts (AND, lists), is free, no exception unknown."""
    text = _LIBRARY.sub("GNU Lesser", _LATER.sub("", licence.strip()))
    for parts, enough in ((_split(text, _OR), any), (_split(text, _AND), all)):
        if len(parts) > 1:
            return enough(is_free(part) for part in parts)
    if text.startswith("(") and text.endswith(")"):
        return is_free(text[1:-1])
    base, *exceptions = _WITH.split(text)
    known = all(one.strip().lower() in _ALLOWS_MORE for one in exceptions)
    return known and bool(_FREE.search(base)) and not _ASKS_MORE.search(base)


def named(found: Distribution) -> str:
    """What its metadata says; else how the text of its licence begins. Of several classifiers all are named."""
    told = found.metadata.json
    classes = [
        one.rpartition("::")[2].strip()
        for one in told.get("classifier", [])
        if one.startswith("License ::") and not one.endswith(("OSI Approved", "DFSG approved"))
    ]
    if said := told.get("license_expression") or " / ".join(classes):
        return str(said)
    text = found.read_text("licenses/LICENSE") or found.read_text("LICENSE") or ""
    return (str(told.get("license", "")).strip() or text.strip()).partition("\n")[0][:80]


def _split(text: str, operator: re.Pattern[str]) -> list[str]:
    """Operands of an operator that is in no parentheses."""
    parts, start = [], 0
    for one in operator.finditer(text):
        before = text[: one.start()]
        if before.count("(") == before.count(")"):
            parts.append(text[start : one.start()])
            start = one.end()
    return [*parts, text[start:]]


@cache
def _installed(environment: Path | None) -> dict[str, Distribution]:
    """What is in an environment; without one: in this one."""
    # not sys.path: setuptools adds to it, once imported, a folder of its own copies of others' packages
    folders = environment.glob("lib/python3*/site-packages") if environment else [Path(sysconfig.get_path("purelib"))]
    return {_plain(one.name): one for one in importlib.metadata.distributions(path=[str(one) for one in folders])}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
