"""Generated support tickets with planted personal data whose place is known, and their table."""

import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.data_preparation.documents import Document
from include.data_preparation.support_tickets import ticket_phrases as phrases
from include.data_preparation.support_tickets.customers import customer_of

TICKET_LICENSE = "Apache-2.0"
FOREIGN_SHARE = 0.02
START = datetime(2025, 1, 6, tzinfo=UTC)
_ENTITIES = {
    "person": "PERSON",
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "ip": "IP_ADDRESS",
    "card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "account": "ACCOUNT_NUMBER",
    "address": "STREET_ADDRESS",
}


@dataclass(frozen=True)
class Ticket:
    """A ticket's document, its row of the table, and the truth: {"category", "personal": [spans]}."""

    document: Document
    row: dict[str, Any]
    truth: dict[str, Any]


def generate_tickets(count: int, seed: int) -> list[Ticket]:
    """`count` tickets, equal for equal seeds."""
    return [_ticket(index, seed, random.Random(f"{seed}:{index}")) for index in range(count)]  # noqa: S311


def _ticket(index: int, seed: int, draw: random.Random) -> Ticket:
    category = draw.choice(list(phrases.PROBLEMS))
    product = draw.choice(phrases.PRODUCTS)
    row = _row(index, category, product, draw)
    row["customer_id"] = customer_of(row["ticket_id"], seed)
    text, personal = _fill(_template(category, draw), product, draw)
    document = Document(
        id=f"ticket:{row['ticket_id']}",
        source="tickets",
        title=f"Support ticket {row['ticket_id']}: {product}",
        text=text,
        license=TICKET_LICENSE,
        generated=True,
        event_time=row["resolved"].replace(tzinfo=UTC).isoformat(),
    )
    return Ticket(document, row, {"category": category, "personal": personal})


def _row(index: int, category: str, product: str, draw: random.Random) -> dict[str, Any]:
    created = START + timedelta(hours=draw.randrange(300 * 24))
    urgency = {"outage": (1, 2, 5, 6), "access": (2, 5, 4, 1), "bug": (3, 5, 3, 1)}.get(category, (6, 5, 2, 0.5))
    priority = draw.choices(phrases.PRIORITIES, urgency)[0]
    scale = {"low": 90, "normal": 45, "high": 16, "urgent": 5}[priority]
    hours = 1 + min(400, int(draw.gammavariate(2.0, scale / 2)))
    mood = 5.4 - hours / 40 - (category == "outage") + draw.gauss(0, 0.8)
    return {
        "ticket_id": f"T{index:05d}",
        "category": category,
        "priority": priority,
        "product": product,
        "channel": draw.choices(phrases.CHANNELS, (5, 6, 3, 1))[0],
        "created": created.replace(tzinfo=None),
        "hours": hours,
        "resolved": (created + timedelta(hours=hours)).replace(tzinfo=None),
        "satisfaction": max(1, min(5, round(mood))),
        "generated": True,
    }


def _template(category: str, draw: random.Random) -> str:
    if draw.random() < FOREIGN_SHARE:
        return draw.choice(phrases.FOREIGN)
    sentences = [
        draw.choice(phrases.PROBLEMS[category]),
        *draw.sample(phrases.DETAILS, draw.randint(1, 4)),
        *draw.sample(phrases.CONTACTS, draw.randint(0, 3)),
    ]
    return f"{draw.choice(phrases.GREETINGS)}\n{' '.join(sentences)}\n{draw.choice(phrases.CLOSINGS)}".strip()


def _fill(template: str, product: str, draw: random.Random) -> tuple[str, list[dict[str, Any]]]:
    """Fill a template's marks; spans of personal data count characters of the filled text."""
    text, personal, person = "", [], _person(draw)
    for piece in re.split(r"(\{\w+\})", template):
        name = piece[1:-1]
        if not piece.startswith("{"):
            text += piece
        elif name in _ENTITIES:
            value = _personal(name, person, draw)
            personal.append(
                {"entity": _ENTITIES[name], "value": value, "start": len(text), "end": len(text) + len(value)}
            )
            text += value
        else:
            text += product if name == "product" else _neutral(name, draw)
    return text, personal


def _person(draw: random.Random) -> tuple[str, str]:
    return draw.choice(phrases.FIRST_NAMES.split()), draw.choice(phrases.LAST_NAMES.split())


def _personal(name: str, sender: tuple[str, str], draw: random.Random) -> str:
    first, last = sender if draw.random() < 0.7 else _person(draw)
    if name == "person":
        return f"{first} {last}"
    if name == "email":
        mark = draw.choice((".", "_", ""))
        return f"{first}{mark}{last}".replace("'", "").lower() + f"@{draw.choice(phrases.MAIL_HOSTS)}"
    if name == "phone":
        return draw.choice(phrases.PHONES).format(
            a=draw.randint(100, 999),
            b=f"{draw.randint(0, 9999):04d}",
            c=draw.choice((212, 312, 415, 617, 303)),
            d=draw.randint(10, 99),
            e=draw.randint(10, 99),
        )
    if name == "ip":
        return f"10.{draw.randint(0, 255)}.{draw.randint(0, 255)}.{draw.randint(1, 254)}"
    if name == "card":
        return _card(draw)
    if name == "iban":
        return _iban(draw)
    if name == "account":
        return f"AC-{draw.randint(10**7, 10**8 - 1)}"
    return draw.choice(phrases.STREETS).format(n=draw.randint(1, 240), zip=draw.randint(10000, 99950))


def _card(draw: random.Random) -> str:
    digits = [4, 0, 0, 0, *(draw.randint(0, 9) for _ in range(11))]
    # Luhn: every second digit from the right is doubled, the check digit itself is not
    total = sum(sum(divmod(digit * 2, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    number = "".join(map(str, [*digits, -total % 10]))
    return " ".join(number[place : place + 4] for place in range(0, 16, 4))


def _iban(draw: random.Random) -> str:
    account = f"{draw.randint(0, 10**18 - 1):018d}"
    check = 98 - int(account + "131400") % 97
    return f"DE{check:02d}{account}"


def _neutral(name: str, draw: random.Random) -> str:
    if name == "date":
        return f"2025-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
    if name == "time":
        return f"{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}"
    if name == "version":
        return f"{draw.randint(1, 5)}.{draw.randint(0, 20)}.{draw.randint(0, 9)}"
    if name == "month":
        return draw.choice(phrases.MONTHS)
    if name == "error":
        return draw.choice(phrases.ERRORS)
    if name == "number":
        return f"INV-{draw.randint(1000, 9999)}"
    return str(draw.randint(8, 13) if name == "minor" else draw.randint(2, 90))
