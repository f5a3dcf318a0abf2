"""The artifact store behind the Airflow connection `genai_store`."""

from typing import Any

from airflow.sdk import Connection
from pydantic import SecretStr, ValidationError

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError

STORE_CONNECTION = "genai_store"


def open_store(connection_id: str = STORE_CONNECTION, retries: int = 8) -> ArtifactStore:
    """The store of a connection: host (and port) is the endpoint, login and password are the keys,
    the extra holds bucket, region and secure. ConfigurationError names what is missing."""
    connection = Connection.get(connection_id)
    field = f"connection {connection_id}"
    for name in ("host", "login", "password"):
        if not getattr(connection, name):
            raise ConfigurationError(f"{field}.{name}", "", "the connection lacks it", "Complete the connection")
    extra: dict[str, Any] = {
        name: value for name, value in connection.extra_dejson.items() if name in ("bucket", "region", "secure")
    }
    endpoint = f"{connection.host}:{connection.port}" if connection.port else connection.host
    try:
        address = StoreAddress(
            endpoint=endpoint, access_key=connection.login, secret_key=SecretStr(connection.password), **extra
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{field}.extra.{first['loc'][0]}", first["input"], first["msg"], "Complete the connection's extra"
        ) from None
    return ArtifactStore(address, retries)
