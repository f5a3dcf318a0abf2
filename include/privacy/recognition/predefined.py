"""What Presidio's own recognizers are sure of: the finder replaces it, and the audit looks for it."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from include.privacy.recognition.features import readable
from include.privacy.recognition.patterns import card, personal_mail
from include.privacy.recognition.presidio import import_presidio
from include.privacy.recognition.repair import Found

SURE = 0.7
_DECIMAL = re.compile(r"\d[.,]$")


def certain(text: str, entities: Collection[str]) -> Iterator[Found]:
    """Entity, first character and the character after the last of each of these kinds in `text`."""
    text = readable(text)
    for recognizer in _recognizers(frozenset(entities)):
        wanted = [entity for entity in recognizer.supported_entities if entity in entities]
        for result in recognizer.analyze(text, wanted, None) or ():
            if result.score >= SURE and _is_one(text, result.entity_type, result.start, result.end):
                yield result.entity_type, result.start, result.end


def _is_one(text: str, entity: str, start: int, end: int) -> bool:
    """Whether a finding is no repository's address, and no part of a decimal or a time in microseconds."""
    if entity == "CREDIT_CARD":
        return card(text[start:end]) and not _DECIMAL.search(text, max(0, start - 2), start)
    return entity != "EMAIL_ADDRESS" or personal_mail(text[start:end])


@cache
def _recognizers(entities: frozenset[str]) -> tuple[Any, ...]:
    import_presidio()
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
