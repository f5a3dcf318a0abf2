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


class Unreached(Exception):
    """Advisories could not be had, and why."""


def findings(packages: list[Package], accepted: Accepted, today: date, service: str) -> list[str]:
    """A line for each advisory that is not accepted, and for each acceptance that is over; Unreached."""
    deadline = time.monotonic() + SECONDS
    try:
        with httpx.Client(base_url=service, timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)) as client:
            ids = _asked(client, packages, deadline)
            told = {
                name: _ask(client, f"/v1/vulns/{name}", None, deadline) for name in sorted(set().union(*ids.values()))
            }
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unreached(f"advisories could not be had from {service} ({type(error).__name__}: {error})") from error
    open_until = {(one.package, one.id): one.until for one in accepted.advisories}
    lines = []
    for package, names in sorted(ids.items()):
        for name in sorted(names):
            if not told[name].get("withdrawn"):
                lines += _line(package, told[name], open_until, today)
    return lines


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


def _asked(client: httpx.Client, packages: list[Package], deadline: float) -> dict[Package, set[str]]:
    """Package -> ids of its advisories; those without any are left out."""
    found: dict[Package, set[str]] = {}
    waiting: list[tuple[Package, str]] = [(package, "") for package in packages]
    while waiting:
        now, waiting = waiting[:BATCH], waiting[BATCH:]
        answer = _ask(client, "/v1/querybatch", {"queries": [_query(*one) for one in now]}, deadline)
        for (package, _), result in zip(now, answer["results"], strict=True):
            if ids := {one["id"] for one in result.get("vulns", [])}:
                found.setdefault(package, set()).update(ids)
            if token := result.get("next_page_token"):
                waiting.append((package, token))
    return found


def _query(package: Package, token: str) -> dict[str, Any]:
    query = {"package": {"name": package.name, "ecosystem": "PyPI"}, "version": package.version}
    return query | ({"page_token": token} if token else {})


def _ask(client: httpx.Client, path: str, body: dict[str, Any] | None, deadline: float) -> dict[str, Any]:
    if time.monotonic() > deadline:
        raise httpx.ReadTimeout(f"no whole answer within {SECONDS:g} s")
    answer = client.post(path, json=body) if body else client.get(path)
    return dict(answer.raise_for_status().json())
