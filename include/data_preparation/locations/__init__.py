"""Where sources lie: folders, the store's bucket, the web, databases, saved datasets and the hub."""

from include.artifacts.store import ArtifactStore
from include.data_preparation.config import CollectionConfig, LimitsConfig
from include.data_preparation.config.collections import kind_of
from include.data_preparation.locations.entry import Entry, FileEntry
from include.data_preparation.locations.hub import HubRows
from include.data_preparation.locations.sql import SqlRows
from include.data_preparation.locations.tables import saved_splits
from include.data_preparation.locations.web import WebFile
from include.outside_files import about, list_files, place_of

__all__ = ["Entry", "about", "entries_of"]


def entries_of(
    store: ArtifactStore, source: CollectionConfig, limits: LimitsConfig, field: str
) -> tuple[str, list[Entry]]:
    """Where a source's parts lie, for people, and they in order; SourceError about `field` where none can be listed."""
    kind = kind_of(source.location)
    if kind == "http":
        return "", [WebFile(source, limits, field)]
    if kind == "sql":
        return "", [SqlRows(source, field)]
    if kind == "hub":
        return "", [HubRows(source, field)]
    if kind == "dataset":
        return "", saved_splits(source, field)
    files = list_files(store, source.location, field)
    return place_of(store, source.location), [FileEntry(file) for file in files]
