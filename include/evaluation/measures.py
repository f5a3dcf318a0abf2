"""What an evaluation measures of a model, by name: the indicators that a use case may declare."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Direction = Literal["at_most", "at_least"]


class Measure(NamedTuple):
    """What is measured, and which side of a target is good."""

    what: str
    good: Direction


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "answer_nll": Measure("reference answer, nats a token", "at_most"),
        "answer_chrf": Measure("own answer against the reference, chrF2++", "at_least"),
        "seconds_per_answer": Measure("own answer, seconds of its batch divided by the batch's size", "at_most"),
        "answer_bits_per_char": Measure("reference answer, bits a character", "at_most"),
    }
)


def on_target(indicator: Mapping[str, Any], value: float) -> bool:
    """Whether a value is on the good side of the target of an indicator, as charter.json declares it."""
    return bool(value <= indicator["target"] if indicator["direction"] == "at_most" else value >= indicator["target"])
