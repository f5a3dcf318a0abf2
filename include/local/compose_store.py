"""Prepares the compose tier's object store, at each start: `python -m include.local.compose_store`.

Makes the bucket, the folder that Triton serves from, and, on MinIO, a user and a policy for each role whose keys are in
S3_<ROLE>_ACCESS_KEY and S3_<ROLE>_SECRET_KEY. Keys that changed in .env are those that count from then on: a user with
one of these policies whose key is not there any more is removed.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException
from urllib3.exceptions import HTTPError

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.conditions import check_conditions
from include.core.errors import ConfigurationError, GenaiError, StoreAccessError
from include.core.settings import settings
from include.local.store_roles import COMPOSE, policy, roles

KINDS = ("ACCESS", "SECRET")
TRITON_FOLDER = b"Triton's model repository. One folder a model.\n"


def main() -> int:
    """Prepare the store of the settings; 1 and one line on standard error where it cannot be."""
    try:
        address, repository = StoreAddress.of(settings()), settings().model_repository
        prepare_bucket(Bucket(address), repository)
        make_users(address, repository, os.environ)
    except GenaiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def prepare_bucket(bucket: Bucket, repository: str) -> None:
    """The bucket, which keeps its conditions, with Triton's folder: without an object in it Triton does not start."""
    bucket.ensure()
    check_conditions(bucket)
    bucket.put_bytes(f"{repository}/README.txt", TRITON_FOLDER)


def make_users(address: StoreAddress, repository: str, environment: Mapping[str, str]) -> None:
    """A user for each role and no other with its policy, by MinIO's admin API; StoreAccessError where the server
    refuses."""
    root = StaticProvider(address.access_key, address.secret_key.get_secret_value())
    admin = MinioAdmin(endpoint=address.endpoint, credentials=root, region=address.region, secure=address.secure)
    keys = {name: [_required(environment, f"S3_{name.upper()}_{kind}_KEY") for kind in KINDS] for name in COMPOSE}
    known = roles(repository)
    for name, (access, secret) in keys.items():
        with _errors(address, f"user {name} cannot be made"):
            admin.policy_add(name, policy=policy(known[name], address.bucket))
            admin.user_add(access, secret)
            admin.policy_set(name, user=access)
    with _errors(address, "users whose keys were changed cannot be removed"):
        for access, told in json.loads(admin.user_list()).items():
            held = set(told.get("policyName", "").split(","))
            if held & known.keys() and access not in {pair[0] for pair in keys.values()}:
                admin.user_remove(access)


@contextmanager
def _errors(address: StoreAddress, problem: str) -> Iterator[None]:
    """What the server refuses; what it says may quote a request, with keys in it."""
    try:
        yield
    except (MinioAdminException, HTTPError) as error:
        told = f"{problem} ({type(error).__name__})"
        raise StoreAccessError(
            "GENAI_S3_ENDPOINT", address.endpoint, told, "Give this program MinIO's root user"
        ) from None


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(name, "", "is not set", "Run python3 -m include.local.compose_env")
    return value


if __name__ == "__main__":
    sys.exit(main())
