"""What Presidio's own recognizers are sure of: the finder replaces it, and the audit looks for it."""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from include.data_preparation.privacy.recognition.features import readable
from include.data_preparation.privacy.recognition.patterns import personal_mail
from include.data_preparation.privacy.recognition.repair import Found

SURE = 0.7


def certain(text: str, entities: Collection[str]) -> Iterator[Found]:
    """Entity, first character and the character after the last of each of these kinds in `text`."""
    text = readable(text)
    for recognizer in _recognizers(frozenset(entities)):
        wanted = [entity for entity in recognizer.supported_entities if entity in entities]
        for result in recognizer.analyze(text, wanted, None) or ():
            value = text[result.start : result.end]
            if result.score >= SURE and (result.entity_type != "EMAIL_ADDRESS" or personal_mail(value)):
                yield result.entity_type, result.start, result.end


@cache
def _recognizers(entities: frozenset[str]) -> tuple[Any, ...]:
    import tldextract
    from presidio_analyzer import RecognizerRegistry
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer, SpacyRecognizer

    # the e-mail recognizer would ask the network for the list of top-level domains
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    # names need a model, and phones are never sure
    skipped = (SpacyRecognizer, PhoneRecognizer)
    return tuple(
        one
        for one in registry.recognizers
        if not isinstance(one, skipped) and entities.intersection(one.supported_entities)
    )
