"""Known vulnerabilities, by the batch interface of OSV (osv.dev, or a mirror of it): one question for all packages."""

import time
from collections.abc import Iterable
from datetime import date
from typing import Any

import httpx

from include.local.audit.accepted import Accepted
from include.local.audit.locked import Package

SERVICE = "https://api.osv.dev"
BATCH = 500
# for all that is asked: a check that is slow is not run
SECONDS, CONNECT_SECONDS = 15.0, 4.0
_NO_ANSWER = (httpx.HTTPError, ValueError, KeyError, TypeError)


class Unreached(Exception):
    """Advisories could not be had, and why."""


def findings(packages: list[Package], accepted: Accepted, today: date, service: str) -> list[str]:
    """A line for each advisory that is not accepted, and for each acceptance that is over; Unreached.

    An advisory that is named and whose details cannot be had is a finding like any other.
    """
    deadline = time.monotonic() + SECONDS
    ids: dict[Package, set[str]] = {}
    with httpx.Client(base_url=service) as client:
        missing = _missing(client, packages, deadline, ids)
        told = {name: _details(client, name, deadline) for name in sorted(set().union(*ids.values()))}
    open_until = {(one.package, one.id): one.until for one in accepted.advisories}
    lines = []
    for package, names in sorted(ids.items()):
        for name in sorted(names):
            if not told[name].get("withdrawn"):
                lines += _line(package, told[name], open_until, today)
    if missing and not lines:
        raise Unreached(f"advisories could not be had from {service} ({missing})")
    return [*lines, *([f"not all packages could be asked about ({missing})"] if missing else [])]


def _missing(client: httpx.Client, packages: list[Package], deadline: float, found: dict[Package, set[str]]) -> str:
    """Fill in ids as they are named; why not all packages could be asked about, or nothing."""
    try:
        _ask_all(client, packages, deadline, found)
    except _NO_ANSWER as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _details(client: httpx.Client, name: str, deadline: float) -> dict[str, Any]:
    """An advisory; one that cannot be had says so in its summary."""
    try:
        told = _ask(client, f"/v1/vulns/{name}", None, deadline)
        return told | {"id": told["id"]}
    except _NO_ANSWER as error:
        return {"id": name, "summary": f"its details could not be had ({type(error).__name__}: {error})"}


def _line(package: Package, told: dict[str, Any], open_until: dict[tuple[str, str], date], today: date) -> list[str]:
    names = [told["id"], *told.get("aliases", [])]
    until = next((open_until[package.name, name] for name in names if (package.name, name) in open_until), None)
    if until and today <= until:
        return []
    fixed = sorted(set(_fixed(package, told.get("affected", []))))
    remedy = f"upgrade to {', '.join(fixed)}" if fixed else "no version mends it: accept it with a reason, or leave it"
    over = f"; accepted until {until}, which is over" if until else ""
    said = " ".join(str(told.get("summary") or told.get("details") or "").split())[:160]
    return [f"{package.name} {package.version} ({package.lock}): {' '.join(names)}: {said}{over}; {remedy}"]


def _fixed(package: Package, affected: list[dict[str, Any]]) -> Iterable[str]:
    for one in affected:
        if one.get("package", {}).get("name", "").lower().replace("_", "-") == package.name.lower().replace("_", "-"):
            for events in (entry.get("events", []) for entry in one.get("ranges", [])):
                yield from (event["fixed"] for event in events if "fixed" in event)


def _ask_all(client: httpx.Client, packages: list[Package], deadline: float, found: dict[Package, set[str]]) -> None:
    """Package -> ids of its advisories; those without any are left out."""
    waiting: list[tuple[Package, str]] = [(package, "") for package in packages]
    while waiting:
        now, waiting = waiting[:BATCH], waiting[BATCH:]
        answer = _ask(client, "/v1/querybatch", {"queries": [_query(*one) for one in now]}, deadline)
        for (package, _), result in zip(now, answer["results"], strict=True):
            if ids := {one["id"] for one in result.get("vulns", [])}:
                found.setdefault(package, set()).update(ids)
            if token := result.get("next_page_token"):
                waiting.append((package, token))


def _query(package: Package, token: str) -> dict[str, Any]:
    query = {"package": {"name": package.name, "ecosystem": "PyPI"}, "version": package.version}
    return query | ({"page_token": token} if token else {})


def _ask(client: httpx.Client, path: str, body: dict[str, Any] | None, deadline: float) -> dict[str, Any]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpx.ReadTimeout(f"no whole answer within {SECONDS:g} s")
    limit = httpx.Timeout(left, connect=min(left, CONNECT_SECONDS))
    answer = client.request("POST" if body else "GET", path, json=body, timeout=limit)
    return dict(answer.raise_for_status().json())
