"""The bucket, and its users and policies, as compose makes them at each start."""

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from minio import crypto
from urllib3 import HTTPResponse

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import StoreAccessError
from include.local.compose_env import compose_environment
from include.local.compose_store import make_users, prepare_bucket
from include.local.store_roles import COMPOSE
from tests.conftest import ObjectStoreServer


def test_the_store_is_prepared_again_and_again(object_store_server: ObjectStoreServer) -> None:
    bucket = Bucket(object_store_server.address(bucket="compose-tier"))
    for _ in range(2):
        prepare_bucket(bucket, "inferencing/repository")
    # Triton does not start where its folder has no object
    assert bucket.holds("inferencing/repository/")


def test_users_and_policies_are_made_by_minios_admin_api(minio_admin: "AdminStandIn") -> None:
    keys = compose_environment()
    make_users(minio_admin.address(keys), "inferencing/repository", keys)
    assert minio_admin.users == {keys[f"S3_{name.upper()}_ACCESS_KEY"]: name for name in COMPOSE}
    assert {keys["S3_TRITON_SECRET_KEY"], keys["S3_GATEWAY_SECRET_KEY"]} < set(minio_admin.secrets.values())
    triton = minio_admin.policies["triton"]["Statement"]
    assert [statement["Action"] for statement in triton] == [
        ["s3:ListBucket", "s3:GetBucketLocation"],
        ["s3:GetObject"],
    ]
    assert triton[1]["Resource"] == ["arn:aws:s3:::genai/inferencing/repository/*"]
    writes = minio_admin.policies["gateway"]["Statement"][2]
    assert writes["Resource"] == ["arn:aws:s3:::genai/serving/traffic/*", "arn:aws:s3:::genai/feedback/*"]

    minio_admin.refuses = True
    with pytest.raises(StoreAccessError, match="user workflow") as refused:
        make_users(minio_admin.address(keys), "inferencing/repository", keys)
    assert not any(value in str(refused.value) for name, value in keys.items() if "SECRET" in name)


def test_a_key_that_was_changed_is_no_user_s_any_more(minio_admin: "AdminStandIn") -> None:
    first = compose_environment()
    make_users(minio_admin.address(first), "inferencing/repository", first)
    minio_admin.users |= {"BACKUP": "readonly", "BARE": ""}
    changed = compose_environment() | {name: first[name] for name in first if "ROOT" in name or "TRITON" in name}
    make_users(minio_admin.address(changed), "inferencing/repository", changed)
    own = {changed[f"S3_{name.upper()}_ACCESS_KEY"]: name for name in COMPOSE}
    assert minio_admin.users == own | {"BACKUP": "readonly", "BARE": ""}


class AdminStandIn:
    """What MinIO's admin API hears, for there is no MinIO to install."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.policies: dict[str, Any] = {}
        self.refuses, self.root = False, ""
        calls = {f"do_{verb}": lambda request: self._answer(request) for verb in ("GET", "PUT", "DELETE")}
        handler = type("Handler", (BaseHTTPRequestHandler,), calls | {"log_message": lambda *_: None})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def address(self, keys: dict[str, str]) -> StoreAddress:
        self.root = keys["S3_ROOT_SECRET_KEY"]
        endpoint = f"127.0.0.1:{self.server.server_address[1]}"
        pair = {kind: keys[f"S3_ROOT_{kind.upper()}"] for kind in ("access_key", "secret_key")}
        return StoreAddress.model_validate({"endpoint": endpoint, "bucket": "genai"} | pair)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        path = urlsplit(request.path)
        query, call, answer = dict(parse_qsl(path.query)), path.path.rpartition("/")[2], b""
        assert "AWS4-HMAC-SHA256" in request.headers["Authorization"]
        if call == "add-canned-policy":
            self.policies[query["name"]] = json.loads(body)
        elif call == "add-user":
            self.secrets[query["accessKey"]] = json.loads(decrypted(body, self.root))["secretKey"]
        elif call == "list-users":
            told = {
                key: {"status": "enabled"} | ({"policyName": name} if name else {}) for key, name in self.users.items()
            }
            answer = crypto.encrypt(json.dumps(told).encode(), self.root)
        elif call == "remove-user":
            del self.users[query["accessKey"]]
        else:
            assert call == "set-user-or-group-policy"
            self.users[query["userOrGroup"]] = query["policyName"]
        request.send_response(403 if self.refuses else 200)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)


def decrypted(body: bytes, secret: str) -> bytes:
    """As MinIO's server reads what its client has encrypted."""
    answer = HTTPResponse(body=io.BytesIO(body), preload_content=False)
    return crypto.decrypt(answer, secret)


@pytest.fixture
def minio_admin() -> Iterator[AdminStandIn]:
    stand_in = AdminStandIn()
    thread = threading.Thread(target=stand_in.server.serve_forever, daemon=True)
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    stand_in.server.server_close()
