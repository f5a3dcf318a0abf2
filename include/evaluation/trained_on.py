"""What models are trained on: which file of a dataset a technique reads, and the licences of all that was read."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from include.artifacts.ranged import RangedFile
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore

# in adapter_info.json: part -> licence -> rows that were read; in model_info.json: those of its texts, where known
LICENCES, TEXTS = "licences", "text_licenses"
BASE, UNKNOWN = "base", "none named"
TRAIN, CORPUS, PAIRS = "train.parquet", "corpus.parquet", "preferences.parquet"
PARTS: Mapping[str, str] = {TRAIN: "instruction data", CORPUS: "corpus", PAIRS: "preference pairs"}
_READS: Mapping[str, str] = {"continued_pretraining": CORPUS, "dpo": PAIRS, "reward_model": PAIRS}


def file_read(technique: str) -> str:
    """The file that a technique of customization trains on."""
    return _READS.get(technique, TRAIN)


def spdx(expression: str) -> str:
    """An expression as SPDX writes it, such as MIT for mit; any other text as it is."""
    try:
        return canonicalize_license_expression(expression)
    except InvalidLicenseExpression:
        return expression


def is_allowed(expression: str, allowed: Iterable[str]) -> bool:
    """Whether names that are allowed suffice for an SPDX expression of AND and OR over names, without brackets."""
    known, stated = {spdx(name) for name in allowed}, spdx(expression)
    return stated in known or any(
        all(name.strip() in known for name in choice.split(" AND ")) for choice in stated.split(" OR ")
    )


def licences_read(store: ArtifactStore, read: Iterable[tuple[ArtifactRef, str]]) -> dict[str, dict[str, int]]:
    """Part -> licence -> rows, of files given as artifact and path; of a large file one column is downloaded."""
    return {PARTS[path]: _counted(store, ref, path) for ref, path in read}


def licence_chain(model: Mapping[str, Any], adapter: Mapping[str, Any]) -> dict[str, list[str]]:
    """Part -> licences that bind what was made of it, from model_info.json and adapter_info.json.

    The base itself, the texts that it was trained on where that was done here, and all that its customization read;
    UNKNOWN where an adapter does not say what it read.
    """
    found = {BASE: [str(model.get("license") or UNKNOWN)]}
    if TEXTS in model:
        found["texts of the base"] = sorted(map(str, model[TEXTS]))
    read = adapter.get(LICENCES) or {"customization": [UNKNOWN]}
    return found | {part: sorted(names) for part, names in read.items()}


def text_licences(model: Mapping[str, Any], adapter: Mapping[str, Any]) -> list[str]:
    """Of all texts that a customized model was trained on: its TEXTS, where it becomes a base itself."""
    chain = licence_chain(model, adapter)
    return sorted({name for part, names in chain.items() if part != BASE for name in names})


def _counted(store: ArtifactStore, ref: ArtifactRef, path: str) -> dict[str, int]:
    import pyarrow.parquet

    manifest = store.manifest(ref)
    entry = next(entry for entry in manifest.files if entry.path == path)
    table = pyarrow.parquet.ParquetFile(RangedFile(store.bucket, manifest, entry))
    if "license" not in table.schema_arrow.names:
        return {UNKNOWN: table.metadata.num_rows}
    found = Counter(one or UNKNOWN for one in table.read(columns=["license"])["license"].to_pylist())
    return dict(sorted(found.items()))
