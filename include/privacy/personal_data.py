"""Find personal data with Presidio: the trained tagger, and recognizers for what has a shape."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from include.privacy.policy import HidingConfig
from include.privacy.recognition.engine import analyzer
from include.privacy.recognition.presidio import import_presidio
from include.privacy.recognition.repair import Found
from include.privacy.recognition.tagger import Tagger, combined
from include.privacy.recognition.weights import load
from include.privacy.spans import Span
from include.privacy.typography import plain

# what may stand between the street and the town of one address
_WITHIN = " \t\n,"


class PersonalDataFinder:
    """Presidio's batch analyzer with the project's recognizers; `network` replaces the tagger's shipped weights.

    Everything is loaded with the first text.
    """

    def __init__(self, config: HidingConfig, network: Any = None) -> None:
        self.config, self._network = config, network

    @cached_property
    def _batch(self) -> Any:
        import_presidio()
        from presidio_analyzer import BatchAnalyzerEngine

        return BatchAnalyzerEngine(analyzer(Tagger(self._network or load(), self.config.caution)))

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """The personal data of each text that does not stay as it is: disjoint spans, in order."""
        return self._find(texts, frozenset(self.config.hidden))

    def find_all(self, texts: Sequence[str]) -> list[list[Span]]:
        """All kinds of personal data of each text, those that stay included: disjoint spans, in order."""
        return self._find(texts, frozenset(self.config.policy))

    def _find(self, texts: Sequence[str], entities: frozenset[str]) -> list[list[Span]]:
        found = self._batch.analyze_iterator(texts, language="en", batch_size=self.config.batch)
        return [_spans(text, results, entities) for text, results in zip(texts, found, strict=True)]


def _spans(text: str, results: Sequence[Any], entities: frozenset[str]) -> list[Span]:
    tagged: list[Found] = []
    shaped: list[Found] = []
    for result in results:
        one = result.entity_type, result.start, result.end
        (shaped if result.score == 1 else tagged).append(one)
    tagged = _whole_addresses(plain(text), sorted(tagged, key=lambda one: one[1]))
    # what stays must not stand in the way of what does not
    chosen = combined([one for one in tagged if one[0] in entities], [one for one in shaped if one[0] in entities])
    return [Span(*one) for one in chosen]


def _whole_addresses(text: str, spans: Sequence[Found]) -> list[Found]:
    """A town or country that follows its street belongs to the address."""
    merged: list[Found] = []
    for one in spans:
        last = merged[-1] if merged else None
        if (
            last
            and last[0] == "STREET_ADDRESS"
            and one[0] in ("LOCATION", "STREET_ADDRESS")
            and not text[last[2] : one[1]].strip(_WITHIN)
            and text[last[2] : one[1]].count("\n") < 2
        ):
            merged[-1] = (last[0], last[1], one[2])
        else:
            merged.append(one)
    return merged
