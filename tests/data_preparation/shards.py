"""Documents as the shards of an artifact."""

from collections.abc import Sequence
from pathlib import Path

from include.data_preparation.documents import Document, shard_name, shard_of, write_rows


def write_shards(folder: Path, documents: Sequence[Document], shards: int) -> None:
    """Spread documents over `shards` files by the digest of their id, each file sorted by id."""
    for shard in range(shards):
        mine = [document for document in documents if shard_of(document.id, shards) == shard]
        write_rows(folder / shard_name(shard), Document, sorted(mine, key=lambda document: document.id))
