"""Addresses and credentials of other systems, by the id of an Airflow connection: never in a use case, never shown.

Airflow's plugin looks them up in Airflow; elsewhere AIRFLOW_CONN_<ID> of the environment has them.
"""

import json
import os
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from include.core.errors import ConfigurationError


class Connection(BaseModel):
    """What an Airflow connection says; `kind` is its type, `database` its schema, `extra` its texts of other names."""

    model_config = ConfigDict(frozen=True)

    kind: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: SecretStr = SecretStr("")
    database: str = ""
    extra: dict[str, str] = {}


def connection(name: str) -> Connection:
    """The connection of an id; ConfigurationError where there is none, without a word of what it holds."""
    return _lookup[-1](name)


def look_up_by(lookup: Callable[[str], Connection]) -> None:
    """Find connections by `lookup` from now on, in this process."""
    _lookup[:] = [lookup]


def from_environment(name: str) -> Connection:
    """The connection that AIRFLOW_CONN_<ID> holds, as a URI or as JSON."""
    variable = f"AIRFLOW_CONN_{name.upper()}"
    value = os.environ.get(variable, "")
    if not value:
        raise ConfigurationError(
            f"connection {name}", None, "there is no such connection", f"Add it to Airflow, or set {variable}"
        )
    try:
        return _from_json(value) if value.lstrip().startswith("{") else _from_uri(value)
    except (ValueError, ValidationError):
        raise ConfigurationError(
            variable, "***", "neither a URI nor JSON of an Airflow connection", "Write it as Airflow does"
        ) from None


def _from_json(value: str) -> Connection:
    said = json.loads(value)
    extra = said.get("extra") or {}
    extra = json.loads(extra) if isinstance(extra, str) else extra
    return Connection(
        kind=said.get("conn_type") or "",
        host=said.get("host") or "",
        port=said.get("port"),
        login=said.get("login") or "",
        password=said.get("password") or "",
        database=said.get("schema") or "",
        extra={key: one for key, one in extra.items() if isinstance(one, str)},
    )


def _from_uri(value: str) -> Connection:
    parts = urlsplit(value)
    return Connection(
        kind=parts.scheme,
        # `hostname` is in lower case, and a path to a file may stand here
        host=unquote(parts.netloc.rpartition("@")[2].partition(":")[0]),
        port=parts.port,
        login=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "")),
        database=unquote(parts.path.removeprefix("/")),
        extra=dict(parse_qsl(parts.query)),
    )


_lookup: list[Callable[[str], Connection]] = [from_environment]
