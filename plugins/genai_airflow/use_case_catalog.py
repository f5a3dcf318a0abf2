"""The use cases for which there is a DAG, and the errors of those for which there is none."""

from typing import TYPE_CHECKING

from include.core.errors import PermanentError

if TYPE_CHECKING:
    from include.use_cases import UseCase


def read_use_cases() -> tuple[list["UseCase"], dict[str, PermanentError]]:
    """The use cases that load, and name -> error of the others: one wrong file does not hide the rest."""
    from include.use_cases import load_use_case, use_case_names

    loaded: list[UseCase] = []
    errors: dict[str, PermanentError] = {}
    for name in use_case_names():
        try:
            loaded.append(load_use_case(name))
        except PermanentError as error:
            errors[name] = error
    return loaded, errors
