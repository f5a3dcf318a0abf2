"""What the data is held to: privacy, gates and sources, which the charter's approval covers."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.artifacts.report import Report

Settings = Mapping[str, Any]
# what decides which personal data is hidden and how; the rest is a matter of speed
PRIVACY = ("sources", "policy", "caution")
# what decides which texts are read, and under which licence
SOURCE = (
    "name",
    "location",
    "license",
    "files",
    "columns",
    "query",
    "connection",
    "configuration",
    "split",
    "revision",
    "ids",
)


def data_terms(
    anonymize: Settings | None, check: Settings | None, records: Sequence[Settings], collections: Sequence[Settings]
) -> dict[str, Any]:
    """The part of charter.json that configures data preparation, where an approver of the data has to know it."""
    return {
        "anonymize": _only(PRIVACY, anonymize or {}),
        "check": dict(check or {}),
        "records": [_only(SOURCE, one) for one in records],
        "collections": [_only(SOURCE, one) for one in collections],
    }


def terms_table(page: Report, terms: Settings) -> None:
    """The terms as a table; nothing where none are known."""
    privacy = terms["anonymize"]
    policy = privacy.get("policy", {})
    rows = [["anonymized sources", ", ".join(privacy["sources"]) or "none"]] if "sources" in privacy else []
    for become in dict.fromkeys(policy.values()):
        rows.append([f"personal data: {become}", ", ".join(kind for kind, found in policy.items() if found == become)])
    if "caution" in privacy:
        rows.append(["caution before text counts as personal", f"{privacy['caution']:g}"])
    rows += [[f"gate: {name.replace('_', ' ')}", _told(value)] for name, value in terms["check"].items()]
    for kind in ("records", "collections"):
        for source in terms[kind]:
            told = ", ".join(f"{name} {_told(value)}" for name, value in source.items() if value and name != "name")
            rows.append([f"{kind}: {source.get('name', '')}", told])
    if rows:
        page.table(["Of the data", "Value"], rows, heading="What the data is held to")


def _only(names: Sequence[str], settings: Settings) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={one}" for name, one in value.items() if one)
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
