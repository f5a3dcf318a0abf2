"""Connections of sources, from Airflow."""

from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.exceptions import AirflowNotFoundException
from pydantic import SecretStr

from include.core.connections import Connection, look_up_by
from include.core.errors import ConfigurationError


def from_airflow(name: str) -> Connection:
    """The Airflow connection of an id; ConfigurationError where there is none."""
    try:
        found = AirflowConnection.get(name)
    except AirflowNotFoundException:
        raise ConfigurationError(
            f"connection {name}", None, "Airflow has no such connection", f"Add it, or set AIRFLOW_CONN_{name.upper()}"
        ) from None
    return Connection(
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=SecretStr(found.password or ""),
        database=found.schema or "",
        extra={key: value for key, value in found.extra_dejson.items() if isinstance(value, str)},
    )


def use_airflow_connections() -> None:
    """Let steps of this process find connections in Airflow."""
    look_up_by(from_airflow)
