"""The use cases for which there is a DAG, and the errors of those for which there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from airflow.sdk import get_parsing_context

from include.core.errors import PermanentError

if TYPE_CHECKING:
    from include.use_cases import UseCase


OPERATIONS_SUFFIX = "_operations"
ASKED: ContextVar[str | None] = ContextVar("asked", default=None)


@contextmanager
def only(use_case: str) -> Iterator[None]:
    """Inside, there is no other use case."""
    token = ASKED.set(use_case)
    try:
        yield
    finally:
        ASKED.reset(token)


def use_case_of(dag: str) -> str:
    """The use case that a DAG is of; no use case's own name ends as the DAGs of its operations do."""
    return dag.removesuffix(OPERATIONS_SUFFIX)


def read_use_cases() -> tuple[list["UseCase"], dict[str, PermanentError]]:
    """The use cases that load, and name -> error of the others: one wrong file does not hide the rest.

    Where one is asked for, by `only` or because one of its tasks runs, the others are not read.
    """
    from include.use_cases import load_each, use_case_names

    asked = ASKED.get() or get_parsing_context().dag_id
    return load_each([use_case_of(asked)] if asked else use_case_names())
