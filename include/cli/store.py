"""The artifact store that the command line talks to."""

from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.local.layout import layout
from include.local.programs import store_address


def open_store() -> ArtifactStore:
    """The configured store, else the local stack's; a command does not wait long for one that does not answer."""
    return ArtifactStore(store_address(settings(), layout(settings()).credentials()), retries=2)
