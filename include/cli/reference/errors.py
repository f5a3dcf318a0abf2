"""The page of errors: the tree, and what each means for a task."""

from collections.abc import Iterator

from include.cli.reference.tables import table
from include.core.errors import GenaiError, PermanentError

EXIT_CODES = (
    ("0", "ok"),
    ("1", "the workflow failed"),
    ("2", "bad input, or a missing prerequisite"),
    ("3", "not running"),
    ("130", "interrupted; a run goes on"),
)


def errors_page() -> str:
    """Every kind of error, whether a task is tried again after it, and the exit codes."""
    rows = [
        (f"`{one.__name__}`", "fails at once" if issubclass(one, PermanentError) else "is tried again", _words(one))
        for one in _below(GenaiError)
        if not one.__subclasses__()
    ]
    return f"""# Errors

Every error of the workflow is one line, `field = value: problem. remedy`: in the task's log, on its page, or on
standard error of `genai`. After a permanent one the task fails at once, for another try would end the same way; after a
transient one it is tried again, twice unless `dags/genai_workflow.py` says otherwise.

{table(["Error", "The task", "What has happened"], rows)}

## Exit codes of genai

{table(["Code", "What it means"], EXIT_CODES)}

Codes of the gateway's answers: [HTTP API](http-api.md#errors).
"""


def _below(kind: type[GenaiError]) -> Iterator[type[GenaiError]]:
    for one in kind.__subclasses__():
        # what a step derives for itself is told by its parent
        if one.__module__ == kind.__module__:
            yield one
            yield from _below(one)


def _words(kind: type[GenaiError]) -> str:
    return " ".join((kind.__doc__ or "").split())
