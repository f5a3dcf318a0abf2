"""Writes the .env that docker-compose.yaml requires: `python3 -m include.local.compose_env`.

Standard library only: a machine that only runs containers has nothing of this project installed.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from include.core.errors import ConfigurationError, GenaiError
from include.local.store_roles import COMPOSE

ENV_FILE = Path(__file__).resolve().parents[2] / ".env"
USER = "admin"
PASSWORDS = ("POSTGRES", "AIRFLOW_DB", "MLFLOW_DB", "REDIS", "GRAFANA_ADMIN", "MLFLOW_ADMIN")


def compose_environment() -> dict[str, str]:
    """Every variable that docker-compose.yaml requires, with freshly generated secrets."""
    passwords = {f"{name}_PASSWORD": secrets.token_hex(24) for name in PASSWORDS}
    keys = {
        f"S3_{user}_{kind}": value
        for user in map(str.upper, ("root", *COMPOSE))
        for kind, value in (("ACCESS_KEY", secrets.token_hex(10).upper()), ("SECRET_KEY", secrets.token_urlsafe(30)))
    }
    return {
        **passwords,
        **keys,
        "AIRFLOW_FERNET_KEY": secrets.token_urlsafe(32) + "=",
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(48),
        "AIRFLOW_PASSWORDS_JSON": json.dumps({USER: secrets.token_urlsafe(18)}),
        "MLFLOW_SECRET_KEY": secrets.token_hex(32),
        "PSEUDONYM_KEY": secrets.token_urlsafe(32),
        "COMPOSE_PROFILES": "cpu",
    }


def write_environment(path: Path, values: dict[str, str]) -> list[str]:
    """Write what the file does not have yet, readable by its owner only; the names of what was written.

    What is there stays, for stored data is behind it; ConfigurationError where nothing is missing.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        text = file.read()
        there = {line.partition("=")[0].strip() for line in text.splitlines()}
        missing = [name for name in values if name not in there]
        if not missing:
            remedy = "Keep it, or move it with the stored data"
            problem = "it exists and lacks nothing, and new secrets would lock out the stored data"
            raise ConfigurationError(".env", str(path), problem, remedy)
        # single quotes keep compose from reading $ and " in a value
        lines = [f"{name}='{values[name]}'\n" for name in missing]
        file.write(("\n" if text and not text.endswith("\n") else "") + "".join(lines))
    return missing


def main() -> int:
    """Write .env and say where the web UI's password is."""
    try:
        written = write_environment(ENV_FILE, compose_environment())
    except GenaiError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Wrote {len(written)} variables to {ENV_FILE.name}; the login {USER} has its password in:")
    print("AIRFLOW_PASSWORDS_JSON (Airflow), GRAFANA_ADMIN_PASSWORD (Grafana), MLFLOW_ADMIN_PASSWORD (MLflow)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
