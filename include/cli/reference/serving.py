"""The pages of the gateway's HTTP interface and of the metrics, from its routes, its code and its registry."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from include.cli.reference.tables import code, table
from include.core.settings import PROJECT_ROOT

GATEWAY = PROJECT_ROOT / "include" / "inferencing" / "gateway"
SCALER = PROJECT_ROOT / "include" / "local" / "serving_scaler.py"
BAD_REQUEST = 400
# stands for what is known only when it happens
OPEN = "..."


def http_page() -> str:
    """Paths, what a request may hold, and the codes of answers that are errors."""
    from include.inferencing.gateway.app import ROUTES
    from include.inferencing.gateway.question import HARMLESS, NEUTRAL, NUMBERS

    routes: list[Any] = [*ROUTES.routes, *_feedback().routes]
    paths = [(f"`{' '.join(sorted(one.methods))} {one.path}`", _words(one.endpoint.__doc__)) for one in routes]
    numbers = [(f"`{name}`", f"{low:,} to {high:,}") for name, (_, low, high) in NUMBERS.items()]
    neutral = [(f"`{name}`", " or ".join(map(_json, values)) or "none") for name, values in NEUTRAL.items()]
    errors = [(str(status), f"`{name}`", words) for status, name, words in sorted(set(_errors()))]
    return f"""# HTTP API of the gateway

`http://127.0.0.1:8090/v1` speaks OpenAI's API: the official client works with it. A request carries a key as
`Authorization: Bearer KEY`, names the use case as its `model` (or `<use case>:<adapter>`), and may set
`x-request-timeout`, its deadline in seconds.

{table(["Request", "What it gives"], paths)}

## What a request for an answer may hold

Besides `model`, `messages` or `prompt`, `stream`, `stream_options`, `stop` and `max_completion_tokens`:

{table(["Field", "From, to"], numbers)}

These would change an answer in ways that no model here knows, and are taken only with the values at which they do not:

{table(["Field", "Taken with"], neutral)}

Without effect: {", ".join(f"`{name}`" for name in sorted(HARMLESS))}. Any other field is refused.

## Errors

In OpenAI's form, `{{"error": {{"message": ..., "type": ..., "param": ..., "code": ...}}}}`. What may be tried again
says when in `Retry-After`; what may not has `x-should-retry: false`. In a stream that has begun, the error is its last
event.

{table(["Status", "Code", "What it says"], errors)}
"""


def metrics_page() -> str:
    """What Prometheus may read: of the gateway, and of what decides about servers."""
    from include.inferencing.gateway.metrics import Metrics

    metrics = Metrics()
    metrics.breakers(list)
    rows = []
    for one in metrics.registry.collect():
        collector = metrics.registry._names_to_collectors.get(one.name)
        labels = getattr(collector, "_labelnames", ("server", "model"))
        name = f"{one.name}_total" if one.type == "counter" else one.name
        rows.append((f"`{name}`", one.type, ", ".join(labels), one.documentation))
    gauges = [(f"`genai_gateway_{name}`", "gauge", "", words) for name, words in _gauges()]
    scaler = [(f"`{name}`", "gauge", labels, words) for name, labels, words in _scaler()]
    return f"""# Metrics

In Prometheus' text format.

## Of the gateway

At `/metrics` of the gateway, to programs of the same machine unless `GENAI_GATEWAY_LIMITS=details_to_all=true`. A
histogram has `_bucket`, `_sum` and `_count`.

{table(["Metric", "Kind", "Labels", "What it is"], [*rows, *gauges])}

## Of what decides about servers

Of `serving-scaler`, which offers nothing before its first decision.

{table(["Metric", "Kind", "Labels", "What it is"], scaler)}

Triton's own metrics are at `/metrics` of `GENAI_TRITON_METRICS_PORT`.
"""


def _feedback() -> Any:
    from include.inferencing.gateway.feedback import feedback_router

    return feedback_router(None)  # type: ignore[arg-type]


def _words(doc: str | None) -> str:
    return " ".join((doc or "").split())


def _json(value: Any) -> str:
    return code(json.dumps(value))


def _calls(folder: Path) -> Iterator[tuple[ast.Call, dict[str, ast.expr]]]:
    """Calls of the code, each with what the names of its function were given."""
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                inside = list(ast.walk(function))
                given = {
                    target.id: node.value
                    for node in inside
                    if isinstance(node, ast.Assign)
                    for target in node.targets
                    if isinstance(target, ast.Name)
                }
                yield from ((node, given) for node in inside if isinstance(node, ast.Call))


def _errors() -> Iterator[tuple[int, str, str]]:
    """Status, code and message of each error that the gateway's code makes."""
    for call, given in _calls(GATEWAY):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        known = {word.arg: word.value for word in call.keywords}
        if name == "ApiError" and len(call.args) > 1 and isinstance(call.args[0], ast.Constant):
            status, told, message = int(str(call.args[0].value)), known.get("code"), call.args[1]
        elif name == "refused":
            status, message = BAD_REQUEST, call.args[0]
            told = known.get("code") or (call.args[2] if len(call.args) > 2 else None)
        else:
            continue
        if isinstance(message, ast.Name):
            message = given.get(message.id, message)
        if _text(message) != OPEN:
            yield status, _text(told), _text(message)


def _text(node: ast.expr | None) -> str:
    """A text of the code as a reader sees it, `...` for what is known only then; `null` where there is none."""
    if node is None:
        return "null"
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else OPEN for part in node.values)
    return OPEN


def _gauges() -> Iterator[tuple[str, str]]:
    """Names and words of what `Metrics.gauges` is given."""
    for call, _ in _calls(GATEWAY):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "gauges" and isinstance(call.args[0], ast.Dict):
            for key, value in zip(call.args[0].keys, call.args[0].values, strict=True):
                if isinstance(value, ast.Tuple):
                    yield _text(key), _text(value.elts[0])


def _scaler() -> Iterator[tuple[str, str, str]]:
    from include.inferencing.scaling.manifests import METRIC

    for call, _ in _calls(SCALER):
        if isinstance(call.func, ast.Name) and call.func.id == "Gauge":
            name = _text(call.args[0])
            labels = (
                [_text(one) for one in ast.walk(call.args[2]) if isinstance(one, ast.Constant)] if call.args[2:] else []
            )
            yield METRIC if name == OPEN else name, ", ".join(labels), _text(call.args[1])
