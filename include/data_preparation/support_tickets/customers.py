"""Customers of the generated tickets: nobody's data, each decided by its name alone."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from include.data_preparation.documents import table_name, write_table

POOL = 100
PLACES = (
    ("Europe", "Germany"),
    ("Europe", "France"),
    ("Europe", "Spain"),
    ("North America", "United States"),
    ("North America", "Canada"),
    ("Asia", "Japan"),
)
PLANS = {"free": 4, "team": 25, "enterprise": 140}


def customer_of(ticket: str, seed: int) -> str:
    """The customer that wrote a ticket; a few write most of them."""
    draw = random.Random(f"{seed}:{ticket}:customer")  # noqa: S311
    return f"C{int(POOL * draw.betavariate(1, 2)):04d}"


def write_ticket_tables(folder: Path, tickets: Sequence[Mapping[str, Any]], seed: int) -> None:
    """What a database of the ticket system holds: the tickets, and the customers who wrote them."""
    import pyarrow

    for name, rows in (("tickets", tickets), ("customers", customer_rows(tickets, seed))):
        write_table(folder / table_name(name), pyarrow.Table.from_pylist(list(rows)))


def customer_rows(tickets: Iterable[Mapping[str, Any]], seed: int) -> list[dict[str, Any]]:
    """A row for each customer that wrote one of the tickets, in order of their names."""
    return [_row(name, seed) for name in sorted({row["customer_id"] for row in tickets})]


def _row(name: str, seed: int) -> dict[str, Any]:
    draw = random.Random(f"{seed}:{name}")  # noqa: S311
    region, country = draw.choices(PLACES, (5, 3, 2, 6, 2, 3))[0]
    plan = draw.choices(list(PLANS), (3, 5, 2))[0]
    joined = datetime(2023, 1, 2) + timedelta(days=draw.randrange(700))
    return {
        "customer_id": name,
        "region": region,
        "country": country,
        "plan": plan,
        "seats": 1 + int(draw.gammavariate(2.0, PLANS[plan] / 2)),
        "joined": joined,
        "renewed": joined + timedelta(days=draw.randrange(0, 400)),
        "generated": True,
    }
