"""The local stack's S3 server: SeaweedFS, one process, loopback, keys always on."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Identity(BaseModel):
    """One pair of S3 keys and what it may do."""

    model_config = ConfigDict(frozen=True)
    name: str
    access_key: str
    secret_key: str
    actions: tuple[str, ...]


def new_identity(name: str, *actions: str) -> Identity:
    """An identity with freshly generated keys."""
    return Identity(
        name=name, access_key=secrets.token_hex(10).upper(), secret_key=secrets.token_urlsafe(30), actions=actions
    )


def write_identities(path: Path, *identities: Identity, policies: Mapping[str, Any] | None = None) -> None:
    """SeaweedFS's s3.json, readable by its owner only. `policies`: documents of those that have one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    bound = policies or {}
    entries = [
        {
            "name": identity.name,
            "credentials": [{"accessKey": identity.access_key, "secretKey": identity.secret_key}],
            **({"policyNames": [identity.name]} if identity.name in bound else {"actions": list(identity.actions)}),
        }
        for identity in identities
    ]
    documents = [{"name": name, "content": json.dumps(policy)} for name, policy in bound.items()]
    path.write_text(json.dumps({"identities": entries, "policies": documents}))


def ports(s3_port: int) -> dict[str, int]:
    """All ports of the server: S3 on `s3_port`, the inner services on the three after it, gRPC 10000 above."""
    names = ("s3", "master", "volume", "filer")
    http = {name: s3_port + offset for offset, name in enumerate(names)}
    return http | {f"{name}.grpc": port + 10000 for name, port in http.items()}


def command(weed: Path, folder: Path, identities: Path, host: str, s3_port: int, bucket: str) -> list[str]:
    """The server's command line. HTTP access beside S3, telemetry, WebDAV and the admin pages are off."""
    at = ports(s3_port)
    port_flags = [
        f"-{name}.port{'.grpc' if grpc else ''}={port}"
        for name, _, grpc, port in ((*key.partition("."), port) for key, port in at.items())
    ]
    return [
        str(weed),
        "-logtostderr=true",
        "mini",
        f"-dir={folder}",
        f"-ip={host}",
        f"-ip.bind={host}",
        *port_flags,
        f"-s3.config={identities}",
        f"-bucket={bucket}",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-webdav=false",
        "-admin.ui=false",
        "-master.telemetry=false",
        "-disableHttp",
    ]
