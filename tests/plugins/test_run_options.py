"""What a run is asked for, as its tasks read it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from genai_airflow.run_options import place_of

from include.core.errors import ConfigurationError


def place(as_of: str) -> str:
    ti = SimpleNamespace(dag_id="any", run_id="r", task_id="strategy.charter", map_index=None)
    return place_of(cast(Any, {"ti": ti, "dag_run": None, "params": {"as_of": as_of}})).as_of


def test_a_moment_is_read_in_any_time_zone() -> None:
    assert place("2026-11-23T03:00:00+02:00") == "2026-11-23T01:00:00+00:00"
    assert place("2026-11-23") == "2026-11-23T00:00:00+00:00"


@pytest.mark.parametrize("as_of", ["yesterday", "0001-01-01T00:00:00+14:00", "2999-01-01"])
def test_what_is_no_moment_of_the_past_is_named(as_of: str) -> None:
    with pytest.raises(ConfigurationError, match=r"conf\.as_of"):
        place(as_of)
