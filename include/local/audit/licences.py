"""Licences of what is installed from the locks of this environment, as its metadata says them."""

import importlib.metadata
import re
from collections.abc import Iterator
from contextlib import suppress

from include.local.audit.accepted import Accepted
from include.local.audit.locked import locked

# free to use, change and sell, the library itself shared alike at most
_FREE = re.compile(
    r"\b(MIT|MIT-0|MIT License|Apache|BSD|3-Clause BSD|ISC|PSF|Python Software Foundation|CNRI-Python|Unlicense|Zlib|"
    r"0BSD|CC0|ZPL|MPL|Mozilla|BSL-1\.0|Academic Free|LGPL|GNU Lesser|GNU Library or Lesser|Artistic)\b",
    re.IGNORECASE,
)
# names of licences that begin like free ones, or ask for more
_ASKS_MORE = re.compile(r"\b(AGPL|Affero|BUSL|SSPL|Commons Clause|NC|Proprietary|Elastic)\b", re.IGNORECASE)
_MINE = ("requirements.txt", "tests/requirements.txt")


def refused(accepted: Accepted) -> list[str]:
    """A line for each installed package whose licence is neither free nor accepted by name."""
    known = {(one.package, one.licence) for one in accepted.licences}
    return [
        f"{name} is under {licence or 'no licence that it names'}: name it in accepted.yaml with a reason, or leave it"
        for name, licence in _licences()
        if not is_free(licence) and (name, licence) not in known
    ]


def is_free(licence: str) -> bool:
    """Whether one of the choices that a licence gives is a free one."""
    choices = re.split(r"\bOR\b| / ", licence)
    return any(
        not _ASKS_MORE.search(choice) and all(_FREE.search(part) for part in re.split(r"\bAND\b", choice))
        for choice in choices
    )


def _licences() -> Iterator[tuple[str, str]]:
    for package in locked():
        if package.lock in _MINE:
            with suppress(importlib.metadata.PackageNotFoundError):
                yield package.name, _named(importlib.metadata.distribution(package.name))


def _named(found: importlib.metadata.Distribution) -> str:
    """What its metadata says; else how the text of its licence begins."""
    told = found.metadata.json
    classes = [
        one.rpartition("::")[2].strip()
        for one in told.get("classifier", [])
        if one.startswith("License ::") and not one.endswith("OSI Approved")
    ]
    text = found.read_text("licenses/LICENSE") or found.read_text("LICENSE") or ""
    said = str(told.get("license_expression") or " / ".join(classes) or told.get("license", "")).strip()
    return (said or text.strip()).partition("\n")[0][:80]
