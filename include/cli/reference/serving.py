"""The pages of the gateway's HTTP interface and of the metrics, from its routes, its code and its registry."""

import ast
import itertools
import json
from collections.abc import Iterator
from typing import Any

from include.cli.reference.read_code import OPEN, calls, text_of
from include.cli.reference.tables import code, table
from include.core.settings import PROJECT_ROOT

GATEWAY = PROJECT_ROOT / "include" / "inferencing" / "gateway"
SCALER = PROJECT_ROOT / "include" / "local" / "serving_scaler.py"
BAD_REQUEST = 400
FEEDBACK = PROJECT_ROOT / "include" / "inferencing" / "learning" / "feedback.py"


QUESTION = """A tenant may ask the models that it is given; a key is shown once. `inbox` stands for your use case:

```bash
.genai/venv/bin/genai keys tenant me --models inbox
.genai/venv/bin/genai keys create me
curl http://127.0.0.1:8090/v1/chat/completions \\
    --header "Authorization: Bearer KEY" --header "Content-Type: application/json" \\
    --data '{"model": "inbox", "messages": [{"role": "user", "content": "My parcel was open when it came."}]}'
```"""
SAID = """Of an answer that the tenant got, by the answer's `id`, where the tenant consents that something is kept
(`genai keys tenant me --consent opt_in`):

```bash
curl http://127.0.0.1:8090/v1/feedback \\
    --header "Authorization: Bearer KEY" --header "Content-Type: application/json" \\
    --data '{"id": "chatcmpl-ID", "thumb": "down", "correction": "delivery"}'
```"""


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

## A key and a question

{QUESTION}

## What a request for an answer may hold

Besides `model`, `messages` or `prompt`, `stream`, `stream_options`, `stop` and `max_completion_tokens`:

{table(["Field", "From, to"], numbers)}

These would change an answer in ways that no model here knows, and are taken only with the values at which they do not:

{table(["Field", "Taken with"], neutral)}

`store`: whether the exchange may be kept, where the tenant consents.

Without effect: {", ".join(f"`{name}`" for name in sorted(HARMLESS - {"store"}))}. Any other field is refused.

## What feedback may hold

{_feedback_words()}

## Errors

In OpenAI's form, `{{"error": {{"message": ..., "type": ..., "param": ..., "code": ...}}}}`. What may be tried again
says when in `Retry-After`; what may not has `x-should-retry: false`. In a stream that has begun, the error is its last
event. Words in capitals stand for what is known only then.

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


def _feedback_words() -> str:
    from include.inferencing.learning.feedback import (
        A_MINUTE,
        MOST_BYTES,
        MOST_CHARACTERS,
        MOST_MESSAGES,
        FeedbackRequest,
        Message,
    )

    rows = [
        (f"`{name}`", "**required**" if field.is_required() else _json(field.default), field.description or "")
        for name, field in FeedbackRequest.model_fields.items()
    ]
    parts = " and ".join(f"`{name}`" for name in Message.model_fields)
    return f"""{SAID}

{table(["Field", "Without it", "What it is"], rows)}

One of `thumb`, `correction` and `retract` has to be there. An answer that the gateway has forgotten
(`answer_forgotten`) is told too: `messages`, each with {parts}, and `answer`. At most {MOST_BYTES:,} bytes,
{MOST_CHARACTERS:,} characters a text, {MOST_MESSAGES} messages, and {A_MINUTE} requests of a tenant a minute."""


def _words(doc: str | None) -> str:
    return " ".join((doc or "").split())


def _json(value: Any) -> str:
    return code(json.dumps(value))


def _errors() -> Iterator[tuple[int, str, str]]:
    """Status, code and message of each error that the gateway's code makes."""
    for call, given in itertools.chain(calls(GATEWAY), calls(FEEDBACK)):
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        known = {word.arg: word.value for word in call.keywords}
        if name == "ApiError" and len(call.args) > 1 and isinstance(call.args[0], ast.Constant):
            status, told, message = int(str(call.args[0].value)), known.get("code"), call.args[1]
        elif name == "FeedbackError" and isinstance(call.args[0], ast.Constant):
            status, message, told = int(str(call.args[0].value)), *call.args[1:3]
        elif name == "refused":
            status, message = BAD_REQUEST, call.args[0]
            told = known.get("code") or (call.args[2] if len(call.args) > 2 else None)
        else:
            continue
        if isinstance(message, ast.Name):
            message = given.get(message.id, message)
        if text_of(message) != OPEN:
            yield status, text_of(told), text_of(message)


def _gauges() -> Iterator[tuple[str, str]]:
    """Names and words of what `Metrics.gauges` is given."""
    for call, _ in calls(GATEWAY):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "gauges" and isinstance(call.args[0], ast.Dict):
            for key, value in zip(call.args[0].keys, call.args[0].values, strict=True):
                if isinstance(value, ast.Tuple):
                    yield text_of(key), text_of(value.elts[0])


def _scaler() -> Iterator[tuple[str, str, str]]:
    from include.inferencing.scaling.manifests import METRIC

    for call, _ in calls(SCALER):
        if isinstance(call.func, ast.Name) and call.func.id == "Gauge":
            name = text_of(call.args[0])
            labels = (
                [text_of(one) for one in ast.walk(call.args[2]) if isinstance(one, ast.Constant)]
                if call.args[2:]
                else []
            )
            yield METRIC if name == OPEN else name, ", ".join(labels), text_of(call.args[1])
