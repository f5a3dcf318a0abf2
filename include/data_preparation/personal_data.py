"""Find personal data with Presidio, replace it by pseudonyms, and measure both against known spans."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from include.core.errors import ConfigurationError
from include.data_preparation.config import AnonymizeConfig

_NAME = r"[A-ZÀ-Þ][\w'’-]+(?:[ \t]+[A-ZÀ-Þ][\w'’-]+){0,2}"  # noqa: RUF001
_PATTERNS = {
    "ACCOUNT_NUMBER": r"\b[A-Z]{2,3}-\d{6,12}\b",
    "STREET_ADDRESS": (
        r"\b\d{1,5}[A-Za-z]? (?:rue |avenue |via |calle )?(?:[A-ZÀ-Þ][\w'’-]*\s){0,3}"  # noqa: RUF001
        r"(?:Street|St\.?|Avenue|Ave\.?|Road|Rd\.?|Drive|Dr\.?|Lane|Boulevard|Blvd\.?|Way|Square|Court|"
        r"(?<=rue )[A-ZÀ-Þ]\w+)(?:, (?!Account\b|Please\b)[A-Z0-9][\w ]{0,20}?(?=[,.\n]|$)){0,2}"
        r"(?:, [A-Z]{2} \d{5})?"
        r"|\b[A-ZÀ-Þ][\wäöüß-]*(?:straße|strasse|weg|allee|platz|gasse) \d{1,4}[a-z]?(?:, \d{5} [A-ZÀ-Þ]\w+)?"
        r"|\b\d{1,4} (?:rue|avenue|boulevard) [A-ZÀ-Þ]\w+(?:, \d{5} [A-ZÀ-Þ]\w+)?"
    ),
    # people introduce themselves and sign
    "PERSON": (
        rf"(?<=[Mm]y name is ){_NAME}|(?<=[Tt]his is ){_NAME}|(?<=colleague ){_NAME}|(?<=Please ask ){_NAME}"
        rf"|(?<=Regards, ){_NAME}|(?:(?<=Thanks,\n)|(?<=Regards,\n)|(?<=regards,\n)|(?<=Cheers,\n)){_NAME}"
    ),
}
# technical words that small models take for names of people
_NOT_PERSONS = re.compile(r"[\d_/\\=<>{}()`]|Error\b|^(?:Python|Invoice|Account|Guten Tag|Hello|Thanks|Uploading)\b")


@dataclass(frozen=True)
class Span:
    """Characters `start` to `end` of a text and the kind of personal data there."""

    entity: str
    start: int
    end: int


class PersonalDataFinder:
    """Presidio with the small spaCy model, patterns for addresses and accounts, and rules for names."""

    def __init__(self, config: AnonymizeConfig) -> None:
        import tldextract
        from presidio_analyzer import AnalyzerEngine, BatchAnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider

        # the e-mail recognizer would ask the network for the list of top-level domains
        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
        try:
            engine = NlpEngineProvider(
                nlp_configuration={
                    "nlp_engine_name": "spacy",
                    "models": [{"lang_code": "en", "model_name": config.model}],
                }
            ).create_engine()
        except (OSError, SystemExit) as error:
            raise ConfigurationError(
                "data_preparation.anonymize.model",
                config.model,
                f"spaCy cannot load it ({error})",
                "Name an installed spaCy pipeline",
            ) from error
        analyzer = AnalyzerEngine(
            registry=_registry(config, engine),
            nlp_engine=engine,
            supported_languages=["en"],
            log_decision_process=False,
        )
        self.config, self.batch = config, BatchAnalyzerEngine(analyzer)

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """The personal data of each text: disjoint spans, in order."""
        found = self.batch.analyze_iterator(
            texts,
            language="en",
            batch_size=self.config.batch,
            entities=list(self.config.entities),
            score_threshold=self.config.threshold,
        )
        return [_disjoint(text, results) for text, results in zip(texts, found, strict=True)]


def _registry(config: AnonymizeConfig, engine: Any) -> Any:
    from presidio_analyzer import Pattern, PatternRecognizer, RecognizerRegistry

    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    for entity, pattern in _PATTERNS.items():
        registry.add_recognizer(
            PatternRecognizer(
                supported_entity=entity,
                name=f"{entity.title()}Rules",
                patterns=[Pattern(entity, pattern, 0.8)],
                global_regex_flags=re.MULTILINE,
            )
        )
    known = set(registry.get_supported_entities(languages=["en"]))
    for entity in config.entities:
        if entity not in known:
            raise ConfigurationError(
                "data_preparation.anonymize.entities",
                entity,
                "no recognizer finds this kind of personal data",
                f"Choose among {', '.join(sorted(known))}",
            )
    return registry


def _disjoint(text: str, results: Iterable[Any]) -> list[Span]:
    """Findings without names that are none, and without overlaps: the longer, then the surer finding stays."""
    chosen: list[Span] = []
    for result in sorted(results, key=lambda r: (r.start - r.end, -r.score, r.start, r.entity_type)):
        start, end = result.start, result.end
        if result.entity_type == "PERSON":
            # a name ends with its line; models run on into the greeting
            end = start + len(text[start:end].split("\n")[0].rstrip(" .,"))
            if end <= start or _NOT_PERSONS.search(text[start:end]):
                continue
        if all(end <= span.start or start >= span.end for span in chosen):
            chosen.append(Span(result.entity_type, start, end))
    return sorted(chosen, key=lambda span: span.start)


class Pseudonyms:
    """One document's pseudonyms: the same value is <PERSON_1> wherever it stands in the document."""

    def __init__(self) -> None:
        from presidio_anonymizer import AnonymizerEngine

        self.engine, self.names, self.counts = AnonymizerEngine(), cast(dict[tuple[str, str], str], {}), Counter[str]()

    def replace(self, text: str, spans: Sequence[Span]) -> str:
        """The text with each span replaced."""
        from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

        for span in spans:
            self._name(span.entity, text[span.start : span.end])
        operators = {
            entity: OperatorConfig("custom", {"lambda": lambda value, entity=entity: self._name(entity, value)})
            for entity in {span.entity for span in spans}
        }
        results = [RecognizerResult(span.entity, span.start, span.end, 1.0) for span in spans]
        return str(self.engine.anonymize(text, results, operators).text)

    def _name(self, entity: str, value: str) -> str:
        key = entity, re.sub(r"\W+", " ", value).strip().casefold()
        if key not in self.names:
            self.counts[entity] += 1
            self.names[key] = f"<{entity}_{self.counts[entity]}>"
        return self.names[key]


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
