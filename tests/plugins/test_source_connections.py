"""Connections of sources: steps that run in Airflow find them there."""

import pytest

from include.core import connections
from include.core.errors import ConfigurationError


def test_steps_find_connections_in_airflow_and_never_show_what_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    from genai_airflow import step_operators
    from genai_airflow.source_connections import from_airflow

    assert step_operators.RunStepOperator and connections._lookup == [from_airflow]
    monkeypatch.setenv("AIRFLOW_CONN_HELPDESK", "postgres://me:s3cret@db:5433/notes?sslmode=require")
    found = connections.connection("helpdesk")
    assert (found.kind, found.host, found.port, found.login, found.database) == ("postgres", "db", 5433, "me", "notes")
    assert found.password.get_secret_value() == "s3cret" and "s3cret" not in repr(found)
    assert found.extra == {"sslmode": "require"}
    with pytest.raises(ConfigurationError, match=r"connection nobody.*no such connection.*AIRFLOW_CONN_NOBODY"):
        connections.connection("nobody")
