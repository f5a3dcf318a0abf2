"""A conversation without personal data and secrets: what is replaced in one of its texts is replaced in all."""

from collections import Counter
from collections.abc import Sequence

from include.privacy.personal_data import PersonalDataFinder
from include.privacy.policy import HidingConfig
from include.privacy.pseudonyms import STANDS_FOR, Pseudonyms
from include.privacy.secrets import redact
from include.privacy.spans import Span, locate

# nothing that is shown: controls but line breaks and tabs, marks of direction, characters of no width, halves of pairs
_UNSEEN = dict.fromkeys(
    [
        *(code for code in range(0x20) if chr(code) not in "\n\t"),
        *range(0x7F, 0xA0),
        *(0xAD, 0x61C, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),
        *range(0xE0000, 0xE0080),
    ]
)
# a value of so few characters may be a word of its own elsewhere
_LEAST = 4


def seen(text: str) -> str:
    """The text without what is not shown: it would hide words from whoever looks, and say others to a model."""
    return text.replace("\r\n", "\n").translate(_UNSEEN)


class Scrubber:
    """Finds and replaces by a policy, under a key; what it needs is loaded with the first text (0.8 GB)."""

    def __init__(self, hiding: HidingConfig, key: bytes) -> None:
        self._finder, self._pseudonyms = PersonalDataFinder(hiding), Pseudonyms(key, hiding.policy)

    def scrub(self, conversations: Sequence[Sequence[str]]) -> list[list[str]]:
        """The texts of each conversation, scrubbed; in their order."""
        secrets: Counter[str] = Counter()
        plain = [[redact(seen(text), secrets) for text in texts] for texts in conversations]
        found = iter(self._finder.find([text for texts in plain for text in texts]))
        return [self._replaced(texts, [next(found) for _ in texts]) for texts in plain]

    def _replaced(self, texts: Sequence[str], found: Sequence[Sequence[Span]]) -> list[str]:
        values = {
            (span.entity, text[span.start : span.end])
            for text, spans in zip(texts, found, strict=True)
            for span in spans
            if span.end - span.start >= _LEAST
        }
        known = [{"entity": entity, "value": value} for entity, value in sorted(values)]
        return [
            self._pseudonyms.replace(text, _disjoint([*_hidden(text), *spans, *locate(text, known)]))
            for text, spans in zip(texts, found, strict=True)
        ]


def _hidden(text: str) -> list[Span]:
    """What stands for personal data already: it stays as it is."""
    return [Span("", match.start(), match.end()) for match in STANDS_FOR.finditer(text)]


def _disjoint(spans: Sequence[Span]) -> list[Span]:
    """The first of those that overlap, in order; without what stays."""
    chosen: list[Span] = []
    for span in spans:
        if all(span.end <= other.start or span.start >= other.end for other in chosen):
            chosen.append(span)
    return sorted((span for span in chosen if span.entity), key=lambda span: span.start)
