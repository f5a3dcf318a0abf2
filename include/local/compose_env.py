"""Writes the .env that docker-compose.yaml requires: `python3 -m include.local.compose_env`.

Standard library only: a machine that only runs containers has nothing of this project installed.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from include.core.errors import ConfigurationError, GenaiError

ENV_FILE = Path(__file__).resolve().parents[2] / ".env"
USER = "admin"


def compose_environment() -> dict[str, str]:
    """Every variable that docker-compose.yaml requires, with freshly generated secrets."""
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "AIRFLOW_FERNET_KEY": secrets.token_urlsafe(32) + "=",
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(48),
        "AIRFLOW_PASSWORDS_JSON": json.dumps({USER: secrets.token_urlsafe(18)}),
        "S3_ACCESS_KEY": secrets.token_hex(10).upper(),
        "S3_SECRET_KEY": secrets.token_urlsafe(30),
        "PSEUDONYM_KEY": secrets.token_urlsafe(32),
        "COMPOSE_PROFILES": "cpu",
    }


def write_environment(path: Path, values: dict[str, str]) -> None:
    """A new file that only its owner can read; ConfigurationError where there already is one."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigurationError(
            ".env", str(path), "the file exists, and new secrets would lock out the stored data", "Keep it or move it"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        # single quotes keep compose from reading $ and " in a value
        file.writelines(f"{name}='{value}'\n" for name, value in values.items())


def main() -> int:
    """Write .env and say where the web UI's password is."""
    try:
        write_environment(ENV_FILE, compose_environment())
    except GenaiError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {ENV_FILE.name}; the web UI's login is {USER}, its password is in AIRFLOW_PASSWORDS_JSON")
    return 0


if __name__ == "__main__":
    sys.exit(main())
