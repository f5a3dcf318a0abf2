"""The sources whose records have times, as they stood at a moment."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from include.artifacts.manifest import sha256_of
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.data_preparation.config import LEAST_TICKETS, AggregateConfig
from include.data_preparation.documents import Document
from include.data_preparation.point_in_time import Snapshot, as_of, utc
from include.data_preparation.record_files import Quarantined, read_records
from include.data_preparation.ticket_exports import ticket_versions
from include.data_preparation.tickets import Ticket

TICKETS = "generated tickets"


@dataclass(frozen=True)
class DatedSource:
    """What one source shows at a moment."""

    name: str
    snapshot: Snapshot[Ticket] | Snapshot[Document]
    quarantined: tuple[Quarantined, ...] = ()
    undated: tuple[Quarantined, ...] = ()
    """Lines that do not tell their time: for people to see, and no part of what is visible at a moment."""

    @property
    def tickets(self) -> list[Ticket]:
        """Its tickets, where it is the ticket system."""
        return [content for content in self.snapshot.contents if isinstance(content, Ticket)]

    @property
    def documents(self) -> list[Document]:
        """Its visible records as documents."""
        return [content.document if isinstance(content, Ticket) else content for content in self.snapshot.contents]

    @property
    def counts(self) -> dict[str, Any]:
        """What is visible and what is not, for metrics."""
        shown = self.snapshot
        return {
            "visible": len(shown.visible),
            "late": shown.late,
            "corrected": shown.corrected,
            "deleted": shown.deleted,
            "erased": shown.erased,
            "quarantined": len(self.quarantined),
            "newest_event": shown.newest["event"],
            "newest_recorded": shown.newest["recorded"],
        }

    @property
    def state(self) -> str:
        """All that it shows, in a few words that differ where it does."""
        digest = sha256_of([self.snapshot.digest, *map(asdict, self.quarantined)])
        return f"{len(self.snapshot.visible)} records ({digest[:16]})"


def read_dated_sources(store: ArtifactStore, moment: str, config: AggregateConfig) -> list[DatedSource]:
    """The ticket system and the record sources of a configuration, as of a moment (ISO 8601).

    SourceError where a source cannot be read, or shows fewer tickets than the workflow needs.
    """
    try:
        then = utc(moment)
    except ValueError:
        raise ConfigurationError(
            "as_of", moment, "not a moment in ISO 8601", "Write e.g. 2026-11-23T03:00:00+00:00"
        ) from None
    sources = [_tickets(then, config)] if config.tickets else []
    for source in config.records:
        log = read_records(store, source, config.max_quarantined_share, then)
        shown = as_of(log.versions, log.erased, then)
        dated = tuple(log.quarantined_before(then))
        sources.append(DatedSource(f"records {source.name}", shown, dated, tuple(log.undated)))
    return sources


def states(sources: list[DatedSource]) -> Mapping[str, str]:
    """Name -> state, for the fingerprint."""
    return {source.name: source.state for source in sources}


def _tickets(then: datetime, config: AggregateConfig) -> DatedSource:
    shown = as_of(ticket_versions(config.tickets, config.seed, config.ticket_export_days), (), then)
    if len(shown.visible) < LEAST_TICKETS:
        raise SourceError(
            "data_preparation.aggregate.tickets",
            config.tickets,
            f"{len(shown.visible)} of them are visible as of {then.isoformat()}, and the synthetic ticket table needs "
            f"{LEAST_TICKETS} to be modelled on",
            "Look at a later moment (as_of), or generate more",
        )
    return DatedSource(TICKETS, shown)
