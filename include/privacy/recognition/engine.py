"""The tagger behind Presidio's own interfaces: an NLP engine that tags batches, and the recognizers that read it."""

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from include.privacy.recognition.patterns import SHAPES, shaped
from include.privacy.recognition.predefined import certain
from include.privacy.recognition.presidio import import_presidio
from include.privacy.recognition.repair import Found
from include.privacy.recognition.tagger import ENTITIES, Tagger

SURE, LIKELY = 1.0, 0.85
KINDS = frozenset(shape.entity for shape in SHAPES) - {"URL"}
CHARACTERS = 30_000


class Entity(NamedTuple):
    """A finding as Presidio's recognizers read it from an engine's artifacts."""

    label_: str
    start_char: int
    end_char: int


def analyzer(tagger: Tagger) -> Any:
    """Presidio's AnalyzerEngine with the tagger and the shapes as its only recognizers, for English."""
    import_presidio()
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(SpacyRecognizer(supported_entities=list(ENTITIES), name="TaggerRecognizer"))
    registry.add_recognizer(_classes()[1]())
    engine = _classes()[0](tagger)
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"], log_decision_process=False)


def batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Texts in order, at most `size` and CHARACTERS at once: the network takes a kilobyte a character."""
    group: list[str] = []
    for text in texts:
        if group and (len(group) == size or sum(map(len, group)) + len(text) > CHARACTERS):
            yield group
            group = []
        group.append(text)
    if group:
        yield group


def _written(text: str, entities: Collection[str]) -> list[Found]:
    """What is known by how it is written; what Presidio is sure of too, where no shape of its kind is."""
    shapes = [one for one in shaped(text) if one[0] in entities]
    other = [
        (entity, start, end)
        for entity, start, end in certain(text, KINDS.intersection(entities))
        if not any(kind == entity and start < last and first < end for kind, first, last in shapes)
    ]
    return [*shapes, *other]


@cache
def _classes() -> tuple[Any, Any]:
    """Presidio is heavy to import: its base classes are named when they are needed."""
    import_presidio()
    from presidio_analyzer import EntityRecognizer, RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine

    class TaggerEngine(NlpEngine):  # type: ignore[misc]
        """Tags texts in batches; no lemmas, so recognizers get no words of context from it."""

        def __init__(self, tagger: Tagger) -> None:
            self.tagger = tagger

        def load(self) -> None:
            pass

        def is_loaded(self) -> bool:
            return True

        def process_text(self, text: str, language: str) -> Any:
            return next(self.process_batch([text], language))[1]

        def process_batch(
            self, texts: Iterable[str], language: str, batch_size: int = 32, n_process: int = 1, **_: object
        ) -> Iterator[tuple[str, Any]]:
            for group in batches(texts, batch_size):
                for text, found in zip(group, self.tagger.tag(group), strict=True):
                    entities = [Entity(*one) for one in found]
                    yield text, NlpArtifacts(entities, [], [], [], self, language, [LIKELY] * len(entities))

        def is_stopword(self, word: str, language: str) -> bool:
            return False

        def is_punct(self, word: str, language: str) -> bool:
            return False

        def get_supported_entities(self) -> list[str]:
            return list(ENTITIES)

        def get_supported_languages(self) -> list[str]:
            return ["en"]

    class ShapeRecognizer(EntityRecognizer):  # type: ignore[misc]
        """What is known by how it is written."""

        def __init__(self) -> None:
            super().__init__(supported_entities=sorted({shape.entity for shape in SHAPES}), supported_language="en")

        def load(self) -> None:
            pass

        def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[Any]:
            return [
                RecognizerResult(
                    entity,
                    start,
                    end,
                    SURE,
                    recognition_metadata={
                        RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
                        RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                    },
                )
                for entity, start, end in _written(text, entities)
            ]

    return TaggerEngine, ShapeRecognizer
