"""The local stack's own secrets: generated once, readable by their owner only."""

import base64
import json
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from include.core.errors import ConfigurationError
from include.inferencing.access.keys import new_key
from include.local.object_store import Identity, new_identity

ADMIN = "admin"
# since version 0.2
ADDED = ("store_gateway", "gateway_key")


class Credentials(BaseModel):
    """Keys of the object store, secrets of Airflow, and the API key of this machine's own tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    store_admin: Identity
    store_reader: Identity
    store_gateway: Identity
    gateway_key: str
    airflow_password: str
    airflow_secret_key: str
    airflow_jwt_secret: str
    airflow_fernet_key: str


def new_credentials() -> Credentials:
    """Fresh random secrets."""
    return Credentials(
        store_admin=new_identity(ADMIN, "Admin", "Read", "Write", "List", "Tagging"),
        store_reader=new_identity("reader", "Read", "List"),
        store_gateway=new_identity("gateway", "Read", "List"),
        gateway_key=new_key(),
        airflow_password=secrets.token_urlsafe(12),
        airflow_secret_key=secrets.token_hex(32),
        airflow_jwt_secret=secrets.token_hex(48),
        airflow_fernet_key=base64.urlsafe_b64encode(os.urandom(32)).decode(),
    )


def read_credentials(path: Path) -> Credentials:
    """The secrets stored at `path`, generated on the first call; what an older version did not have is added."""
    if not path.exists():
        write_private(path, new_credentials().model_dump_json(indent=1))
    try:
        found = json.loads(path.read_text())
        missing = [name for name in ADDED if isinstance(found, dict) and name not in found]
        if missing:
            fresh = new_credentials().model_dump(mode="json", include=set(missing))
            write_private(path, Credentials.model_validate(found | fresh).model_dump_json(indent=1))
        return Credentials.model_validate_json(path.read_text())
    except ValueError as error:
        if not isinstance(error, ValidationError):
            raise ConfigurationError(
                "credentials", str(path), "is no JSON", "Restore the file, or stop the stack and delete its state"
            ) from None
        raise _damaged(path, error) from None


def _damaged(path: Path, error: ValidationError) -> ConfigurationError:
    field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "credentials"
    remedy = "Restore the file, or stop the stack and delete its state"
    return ConfigurationError(field, str(path), error.errors()[0]["msg"], remedy)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees all of it or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    partial.write_text(text)
    partial.rename(path)
