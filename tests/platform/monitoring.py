"""What the dashboard and the alert rules ask for, and what servers tell."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import promql_parser
import yaml

from include.core.settings import PROJECT_ROOT

PLATFORM = PROJECT_ROOT / "include" / "platform" / "compose"


def exposed(address: str) -> set[str]:
    """Names of the series that a server has or would have."""
    deadline = time.monotonic() + 60
    while True:
        try:
            text = httpx.get(address, timeout=5).raise_for_status().text
            break
        except httpx.HTTPError:
            # the scaler tells nothing before it has decided
            assert time.monotonic() < deadline, address
            time.sleep(0.3)
    # by name as Prometheus reads them, also of families that have no series yet
    found = set(re.findall(r"^(\w+)[{ ]", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        found |= {f"{name}{ending}" for ending in (["_bucket", "_sum", "_count"] if kind == "histogram" else [""])}
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard and the alert rules, with where it is."""
    for path in sorted((PLATFORM / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                given = {"$__rate_interval": "1m", "$model": ".*", "$tenant": ".*"}
                expression = target["expr"]
                for variable, value in given.items():
                    expression = expression.replace(variable, value)
                yield panel["title"], expression
    for group in yaml.safe_load((PLATFORM / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def metrics_in(expression: Any) -> set[str]:
    """Names of all metrics in a parsed expression."""
    names = {expression.name} if isinstance(expression, promql_parser.VectorSelector) else set()
    inner = [getattr(expression, part, None) for part in ("lhs", "rhs", "expr", "vector_selector")]
    inner += list(getattr(expression, "args", None) or [])
    return names.union(*(metrics_in(one) for one in inner if isinstance(one, promql_parser.Expr)))
