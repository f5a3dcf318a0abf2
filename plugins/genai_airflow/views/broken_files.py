"""Why use cases have no DAG: what is wrong with their files."""

from collections.abc import Sequence

from include.core.errors import PermanentError
from include.core.settings import settings

# reading a file and checking it takes a moment: a page reads so many that it does not know yet
MOST_AT_ONCE = 8
UNREAD = "there is no DAG yet: Airflow has not read the use case's file"

_known: dict[tuple[str, int], str] = {}


def problems_of(use_cases: Sequence[str]) -> dict[str, str]:
    """Use case -> why it has no DAG; a file that has not changed is read once."""
    from include.use_cases import load_use_case

    found, read = {}, 0
    for name in use_cases:
        try:
            version = (name, (settings().use_cases_folder / f"{name}.yaml").stat().st_mtime_ns)
        except OSError:
            continue
        if version not in _known and read < MOST_AT_ONCE:
            read += 1
            try:
                load_use_case(name)
                _known[version] = UNREAD
            except PermanentError as error:
                _known[version] = str(error)
        found[name] = _known.get(version, UNREAD)
    return found
