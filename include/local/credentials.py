"""The local stack's own secrets: generated once, readable by their owner only."""

import base64
import os
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from include.core.errors import ConfigurationError
from include.local.object_store import Identity, new_identity

ADMIN = "admin"


class Credentials(BaseModel):
    """Keys of the object store and secrets of Airflow."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    store_admin: Identity
    store_reader: Identity
    airflow_password: str
    airflow_secret_key: str
    airflow_jwt_secret: str
    airflow_fernet_key: str


def new_credentials() -> Credentials:
    """Fresh random secrets."""
    return Credentials(
        store_admin=new_identity(ADMIN, "Admin", "Read", "Write", "List", "Tagging"),
        store_reader=new_identity("reader", "Read", "List"),
        airflow_password=secrets.token_urlsafe(12),
        airflow_secret_key=secrets.token_hex(32),
        airflow_jwt_secret=secrets.token_hex(48),
        airflow_fernet_key=base64.urlsafe_b64encode(os.urandom(32)).decode(),
    )


def read_credentials(path: Path) -> Credentials:
    """The secrets stored at `path`, generated on the first call."""
    if not path.exists():
        write_private(path, new_credentials().model_dump_json(indent=1))
    try:
        return Credentials.model_validate_json(path.read_text())
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"]) or "credentials"
        raise ConfigurationError(
            field, str(path), error.errors()[0]["msg"], "Restore the file, or stop the stack and delete its state"
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees all of it or the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    partial.write_text(text)
    partial.rename(path)
