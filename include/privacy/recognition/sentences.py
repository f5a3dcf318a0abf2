"""Labelled sentences: templates filled with invented values, joined, and written as people write them."""

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from include.privacy.recognition.features import pipeline
from include.privacy.recognition.fillers import Fillers

ENTITIES = {
    "person": "PERSON",
    "first_name": "PERSON",
    "last_name": "PERSON",
    "prefix": "TITLE",
    "job": "TITLE",
    "organization": "ORGANIZATION",
    "address": "STREET_ADDRESS",
    "street": "STREET_ADDRESS",
    "building": "STREET_ADDRESS",
    "secondary": "STREET_ADDRESS",
    "zipcode": "STREET_ADDRESS",
    "city": "LOCATION",
    "state": "LOCATION",
    "country": "LOCATION",
    "nationality": "NRP",
    "date": "DATE_TIME",
    "birthday": "DATE_TIME",
    "year": "DATE_TIME",
    "weekday": "DATE_TIME",
    "age": "AGE",
    "phone": "PHONE_NUMBER",
    "email": "EMAIL_ADDRESS",
    "url": "URL",
    "ip": "IP_ADDRESS",
    "card": "CREDIT_CARD",
    "iban": "IBAN_CODE",
    "ssn": "US_SSN",
    "license": "US_DRIVER_LICENSE",
    "username": "ACCOUNT_NUMBER",
    "account": "ACCOUNT_NUMBER",
}
TEMPLATES = Path(__file__).with_name("templates.txt")
_WORD = re.compile(r"(?<![\w'-])[A-Za-z][a-z]{2,11}(?![\w'-])")
_SLOT = re.compile(r"\{(?P<personal>\w+)\}|<(?P<neutral>\w+)>")
LONGEST = 900


@dataclass(frozen=True)
class Labelled:
    """A text and (first character, character after the last, entity) of each span in it."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


@cache
def templates() -> tuple[str, ...]:
    """The sentences of templates.txt, with real line ends."""
    lines = TEMPLATES.read_text("utf-8").splitlines()
    return tuple(line.replace("\\n", "\n") for line in lines if line and not line.startswith("# "))


def generate(count: int, seed: int) -> list[Labelled]:
    """`count` labelled texts, equal for equal seeds."""
    fillers = Fillers(seed)
    made: list[Labelled] = []
    while len(made) < count:
        fillers.start()
        made.append(_fill(fillers.draw.choice(templates()), fillers))
    return vary(made, fillers)


def vary(texts: list[Labelled], fillers: Fillers) -> list[Labelled]:
    """Some texts in other case, with escaped line ends, or joined to the one before."""
    made: list[Labelled] = []
    for one in texts:
        pick, text = fillers.draw.random(), one.text
        if pick < 0.04:
            text = text.lower()
        elif pick < 0.06:
            text = text.upper()
        elif pick < 0.15:
            one = _escape(one)
            text = one.text
        if len(text) == len(one.text):
            one = Labelled(text, one.spans)
        if fillers.draw.random() < 0.4:
            one = _disturb(one, fillers.draw)
        if made and fillers.draw.random() < 0.15:
            one = _join(made[-1], one, fillers.draw.choice((" ", "\n", "\n\n")))
        if len(one.text) <= LONGEST:
            made.append(one)
    return made


def _fill(template: str, fillers: Fillers) -> Labelled:
    text, spans, end = "", [], 0
    for match in _SLOT.finditer(template):
        text += template[end : match.start()]
        name = match["personal"] or match["neutral"]
        value = fillers.fill(name)
        if match["personal"]:
            spans.append((len(text), len(text) + len(value), ENTITIES[name]))
        text, end = text + value, match.end()
    return Labelled(text + template[end:], tuple(spans))


def _disturb(one: Labelled, draw: random.Random) -> Labelled:
    """Some words around the spans become other words: what is personal must not follow from the template alone."""
    text, spans, end = "", [], 0
    for start, stop, entity in (*one.spans, (len(one.text), len(one.text), "")):
        text += _WORD.sub(lambda match: _other(match[0], draw), one.text[end:start])
        if entity:
            spans.append((len(text), len(text) + stop - start, entity))
        text, end = text + one.text[start:stop], stop
    return Labelled(text, tuple(spans))


def _other(word: str, draw: random.Random) -> str:
    if draw.random() > 0.15:
        return word
    other = draw.choice(_words()) if draw.random() < 0.7 else word
    return other.capitalize() if draw.random() < 0.4 else other


@cache
def _words() -> tuple[str, ...]:
    """Lower-case words that the pretrained pipeline knows."""
    strings, vectors = pipeline().vocab.strings, pipeline().vocab.vectors
    found = (strings[key] for key in vectors if key in strings)
    return tuple(sorted(word for word in found if _WORD.fullmatch(word) and word.islower()))


def _escape(one: Labelled) -> Labelled:
    r"""Line ends as the two characters \n, as logs and exports hold them."""

    def moved(place: int) -> int:
        return place + one.text.count("\n", 0, place)

    return Labelled(one.text.replace("\n", "\\n"), tuple((moved(a), moved(b), entity) for a, b, entity in one.spans))


def _join(first: Labelled, second: Labelled, between: str) -> Labelled:
    offset = len(first.text) + len(between)
    moved = tuple((a + offset, b + offset, entity) for a, b, entity in second.spans)
    return Labelled(first.text + between + second.text, first.spans + moved)
