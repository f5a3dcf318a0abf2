"""All that the store can do without, in the order in which it goes: results, what nobody names, served copies."""

from typing import NamedTuple

from include.artifacts.multipart import PendingUpload
from include.artifacts.retention import Retained, retain
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import Garbage, sweep
from include.inferencing.operations.sweep_looks import sweep_looks
from include.inferencing.served_copies import sweep_copies


class Cleaned(NamedTuple):
    """What went, or would go, each thing once; `retained` is None where all results stay."""

    going: list[Garbage]
    uploads: list[PendingUpload]
    unreadable: list[str]
    retained: Retained | None

    @property
    def objects(self) -> int:
        """Number of objects."""
        return sum(piece.objects for piece in self.going)

    @property
    def size(self) -> int:
        """Bytes of the objects."""
        return sum(piece.size for piece in self.going)


def clean(store: ArtifactStore, keep_runs: int, *, dry_run: bool) -> Cleaned:
    """Retain the last `keep_runs` runs of each use case (0: all results), then sweep.

    The sweep takes the files of the artifacts whose manifests the retention has deleted.
    """
    retained = retain(store, keep_runs, dry_run=dry_run) if keep_runs else None
    swept = sweep(store, dry_run=dry_run)
    results = retained.going if retained else []
    told = {piece.prefix for piece in results}
    going = [*results, *(piece for piece in swept.garbage if piece.prefix not in told)]
    going += [piece for piece in sweep_looks(store, dry_run=dry_run) if piece.prefix not in told]
    return Cleaned([*going, *sweep_copies(store, dry_run=dry_run)], swept.uploads, swept.unreadable, retained)
