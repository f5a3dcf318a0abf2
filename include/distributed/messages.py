"""What the ranks of a job tell their owner, on whatever host they are: marked lines of their output."""

import json
import os
from typing import Any

from include.core import errors
from include.core.errors import GenaiError, JobFailedError

_MARK = "::genai:: "
# says no more than that a rank makes progress
PULSE = "pulse"
# of a field as JSON: a pipe takes a line of up to 4096 bytes whole, whoever else writes to it
_LONGEST = 900
_FIELDS = ("field", "value", "problem", "remedy")


def tell_owner(kind: str, value: Any) -> None:
    """Say one thing: JSON of less than 4 KB."""
    # the line before may not have ended
    os.write(1, f"\n{_MARK}{json.dumps([kind, value], default=str)}\n".encode())


def heard(line: str) -> tuple[str, Any] | None:
    """What a line of output says; None for any other line."""
    if not line.startswith(_MARK):
        return None
    try:
        kind, value = json.loads(line.removeprefix(_MARK))
    except (TypeError, ValueError):
        # torn by the death of who said it, or a text that looks like it
        return None
    return str(kind), value


def told_error(error: BaseException) -> dict[str, Any]:
    """An error as JSON, for another process to raise."""
    if not isinstance(error, GenaiError):
        error = JobFailedError("rank", type(error).__name__, f"it failed: {error}", "Look at its traceback in the log")
    fields = {name: getattr(error, name) for name in _FIELDS}
    short = {name: value if isinstance(value, int | float) else _cut(str(value)) for name, value in fields.items()}
    return {"kind": type(error).__name__} | short


def error_of(told: dict[str, Any]) -> GenaiError:
    """The error that `told_error` told; JobFailedError for a kind that is not known here."""
    kind = getattr(errors, str(told.get("kind")), None)
    if not (isinstance(kind, type) and issubclass(kind, GenaiError)):
        kind = JobFailedError
    return kind(*(told.get(name, "") for name in _FIELDS))


def _cut(text: str) -> str:
    """A text whose JSON is no longer than a field's: a letter that is not ASCII takes 6 bytes or more."""
    while len(json.dumps(text)) > _LONGEST:
        text = text[: len(text) * 3 // 4]
    return text
