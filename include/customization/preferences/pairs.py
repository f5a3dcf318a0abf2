"""A pair of answers, and what a row has to be to hold one."""

from typing import Any, NamedTuple

PAIR_TYPES = dict.fromkeys(("id", "question", "chosen", "rejected", "source", "license"), "string")
OWN = "own answers"


class Pair(NamedTuple):
    """A question and two answers to it; `source` is the name of the files, or OWN."""

    id: str
    question: str
    chosen: str
    rejected: str
    source: str
    license: str


class NoPairError(ValueError):
    """Why a row holds no pair."""


def pair_of(row: Any, id: str, source: str, license: str, longest: int) -> Pair:
    """The pair of a row with prompt or question, chosen and rejected, each a text or a conversation of one turn.

    NoPairError where it has none, or a text is over `longest` characters.
    """
    if not isinstance(row, dict):
        raise NoPairError("no object with fields")
    question = _text(row, "prompt" if row.get("prompt") is not None else "question", "user")
    chosen, rejected = (_text(row, name, "assistant") for name in ("chosen", "rejected"))
    if not question and isinstance(row.get("chosen"), list):
        # the question may be the conversations' own first turn
        question = _text(row, "chosen", "user")
    for name, text in (("question", question), ("chosen", chosen), ("rejected", rejected)):
        if not text:
            raise NoPairError("a pair without a loser" if name == "rejected" else f"{name} is missing or empty")
        if len(text) > longest:
            raise NoPairError(f"{name} is longer than {longest} characters")
    if " ".join(chosen.split()) == " ".join(rejected.split()):
        raise NoPairError("chosen and rejected are equal")
    return Pair(id, question, chosen, rejected, source, license)


def _text(row: dict[str, Any], name: str, role: str) -> str:
    """A field's text, or what `role` says in it; empty where it is missing."""
    value = row.get(name)
    if isinstance(value, list):
        said = [turn.get("content") for turn in value if isinstance(turn, dict) and turn.get("role") == role]
        if len(said) > 1:
            raise NoPairError(f"{name} is a conversation of several turns")
        value = said[0] if said else None
    if value is not None and not isinstance(value, str):
        raise NoPairError(f"{name} is no text")
    if value and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise NoPairError(f"{name} is not UTF-8")
    return (value or "").strip()
