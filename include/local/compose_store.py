"""Prepares the compose tier's object store, at each start: `python -m include.local.compose_store`.

Makes the bucket, the folder that Triton serves from, and, on MinIO, a user and a policy for each role whose keys are in
S3_<ROLE>_ACCESS_KEY and S3_<ROLE>_SECRET_KEY. Keys that changed in .env are those that count from then on.
"""

import os
import sys
from collections.abc import Mapping

from minio import MinioAdmin
from minio.credentials import StaticProvider
from minio.error import MinioAdminException
from urllib3.exceptions import HTTPError

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.conditions import check_conditions
from include.core.errors import ConfigurationError, GenaiError, StoreAccessError
from include.core.settings import settings
from include.local.store_roles import policy, roles

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
    """A user for each role, by MinIO's admin API; StoreAccessError where the server refuses."""
    keys = StaticProvider(address.access_key, address.secret_key.get_secret_value())
    admin = MinioAdmin(endpoint=address.endpoint, credentials=keys, region=address.region, secure=address.secure)
    for name, role in roles(repository).items():
        access, secret = (_required(environment, f"S3_{name.upper()}_{kind}_KEY") for kind in ("ACCESS", "SECRET"))
        try:
            admin.policy_add(name, policy=policy(role, address.bucket))
            admin.user_add(access, secret)
            admin.policy_set(name, user=access)
        except (MinioAdminException, HTTPError) as error:
            # what the server says may quote a request, with keys in it
            problem = f"user {name} cannot be made ({type(error).__name__})"
            raise StoreAccessError(
                "GENAI_S3_ENDPOINT", address.endpoint, problem, "Give this program MinIO's root user"
            ) from None


def _required(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError(name, "", "is not set", "Run python3 -m include.local.compose_env")
    return value


if __name__ == "__main__":
    sys.exit(main())
