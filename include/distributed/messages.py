"""What the ranks of a job tell their owner, on whatever host they are: marked lines of their output."""

import json
import os
from typing import Any

from include.core import errors
from include.core.errors import GenaiError, JobFailedError

_MARK = "\x1egenai "
# a pipe takes a line of up to 4096 bytes whole, whoever else writes to it
_LONGEST = 900


def tell_owner(kind: str, value: Any) -> None:
    """Say one thing: JSON of less than 4 KB."""
    # the line before may not have ended
    os.write(1, f"\n{_MARK}{json.dumps([kind, value], default=str)}\n".encode())


def heard(line: str) -> tuple[str, Any] | None:
    """What a line of output says; None for any other line."""
    if not line.startswith(_MARK):
        return None
    kind, value = json.loads(line.removeprefix(_MARK))
    return kind, value


def told_error(error: BaseException) -> dict[str, Any]:
    """An error as JSON, for another process to raise."""
    if not isinstance(error, GenaiError):
        error = JobFailedError("rank", type(error).__name__, f"it failed: {error}", "Look at its traceback in the log")
    fields = {name: getattr(error, name) for name in ("field", "value", "problem", "remedy")}
    short = {name: value if isinstance(value, int | float) else str(value)[:_LONGEST] for name, value in fields.items()}
    return {"kind": type(error).__name__} | short


def error_of(told: dict[str, Any]) -> GenaiError:
    """The error that `told_error` told."""
    fields = dict(told)
    return getattr(errors, fields.pop("kind"))(**fields)  # type: ignore[no-any-return]
