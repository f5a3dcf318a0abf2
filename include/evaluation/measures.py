"""What an evaluation measures of a model, by name: the indicators that a use case may declare."""

from collections.abc import Mapping
from types import MappingProxyType

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "answer_nll": "reference answer, nats a token",
        "answer_chrf": "own answer against the reference, chrF2++",
        "seconds_per_answer": "own answer, seconds of its batch divided by the batch's size",
        "answer_bits_per_char": "reference answer, bits a character",
    }
)
