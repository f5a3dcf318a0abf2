"""Makes the bucket of the compose tier where it is missing: `python -m include.local.compose_bucket`."""

import sys

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.conditions import check_conditions
from include.core.errors import GenaiError
from include.core.settings import settings


def main() -> int:
    """Ensure the bucket of the settings; 1 and one line on standard error where it cannot be had."""
    try:
        bucket = Bucket(StoreAddress.of(settings()))
        bucket.ensure()
        check_conditions(bucket)
    except GenaiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
