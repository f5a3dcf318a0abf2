"""Places of personal data in a text, and how well a finder's places agree with the true ones."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a text and the kind of personal data there."""

    entity: str
    start: int
    end: int


def locate(text: str, planted: Iterable[dict[str, Any]]) -> list[Span]:
    """Where planted values stand in a text whose whitespace may have changed; longer values first win."""
    found: list[Span] = []
    for item in sorted(planted, key=lambda item: -len(item["value"])):
        pattern = r"\s+".join(re.escape(part) for part in item["value"].split())
        for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text):
            if all(match.end() <= span.start or match.start() >= span.end for span in found):
                found.append(Span(item["entity"], match.start(), match.end()))
    return sorted(found, key=lambda span: span.start)


@dataclass
class Score:
    """Counts by kind: planted spans, those covered to the last letter, findings, findings that touch a planted span."""

    planted: Counter[str]
    covered: Counter[str]
    found: Counter[str]
    right: Counter[str]

    @classmethod
    def empty(cls) -> "Score":
        """No spans yet."""
        return cls(Counter(), Counter(), Counter(), Counter())

    def add(self, text: str, truth: Sequence[Span], spans: Sequence[Span]) -> None:
        """Count one text."""
        hidden = {place for span in spans for place in range(span.start, span.end)}
        for span in truth:
            self.planted[span.entity] += 1
            self.covered[span.entity] += all(
                place in hidden or not text[place].isalnum() for place in range(span.start, span.end)
            )
        for span in spans:
            self.found[span.entity] += 1
            self.right[span.entity] += any(span.start < other.end and other.start < span.end for other in truth)
