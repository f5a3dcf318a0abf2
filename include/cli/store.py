"""The artifact store of the settings, or the local stack's, for commands that read it."""

from include.artifacts.store import ArtifactStore
from include.core.errors import StoreUnavailableError
from include.core.settings import settings
from include.local.layout import layout
from include.local.programs import store_address

RETRIES = 2


def open_store() -> ArtifactStore:
    """The store; StoreUnavailableError within seconds where it does not run, StoreAccessError where it refuses."""
    found = ArtifactStore(store_address(settings(), layout(settings()).credentials()), retries=RETRIES)
    try:
        found.bucket.check()
    except StoreUnavailableError as error:
        if settings().s3_endpoint:
            raise
        raise StoreUnavailableError(
            "store", error.value, "the local stack's object store does not run", "Start the stack: genai up"
        ) from error
    return found
