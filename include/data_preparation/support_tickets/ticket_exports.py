"""What the ticket system says of its tickets, and when: it exports those that are resolved, every few days.

An export is late for a few tickets, corrects a few that it held before, and says that a few are deleted.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from include.data_preparation.sources.point_in_time import Version
from include.data_preparation.support_tickets import ticket_phrases as phrases
from include.data_preparation.support_tickets.tickets import START, Ticket, generate_tickets

LATE_SHARE = 0.04
CORRECTED_SHARE = 0.03
DELETED_SHARE = 0.02


def ticket_versions(count: int, seed: int, export_days: int) -> list[Version[Ticket]]:
    """All versions of `count` tickets that exports ever hold; equal for equal arguments."""
    return [
        version
        for ticket in generate_tickets(count, seed)
        for version in _versions(ticket, random.Random(f"{seed}:{ticket.document.id}:export"), export_days)  # noqa: S311
    ]


def _versions(ticket: Ticket, draw: random.Random, export_days: int) -> list[Version[Ticket]]:
    resolved, every = ticket.row["resolved"].replace(tzinfo=UTC), timedelta(days=export_days)
    recorded = _export_after(resolved, every) + every * (draw.random() < LATE_SHARE)
    fate, later = draw.random(), recorded + every * draw.randint(1, 4)
    name = ticket.document.id
    versions = [Version(name, resolved, recorded, ticket)]
    if fate < DELETED_SHARE:
        versions.append(Version(name, resolved, later, None))
    elif fate < DELETED_SHARE + CORRECTED_SHARE:
        versions.append(Version(name, resolved, later, _corrected(ticket, draw)))
    return versions


def _export_after(moment: datetime, every: timedelta) -> datetime:
    return START + ((moment - START) // every + 1) * every


def _corrected(ticket: Ticket, draw: random.Random) -> Ticket:
    """The ticket with another satisfaction and a line at its end, where it moves no planted value."""
    added = draw.choice(phrases.SOLUTIONS).format(product=ticket.row["product"])
    return replace(
        ticket,
        document=replace(ticket.document, text=f"{ticket.document.text}\n{added}"),
        row=ticket.row | {"satisfaction": ticket.row["satisfaction"] % 5 + 1},
    )
