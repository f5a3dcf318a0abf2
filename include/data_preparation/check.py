"""Hold the dataset against its gates and the charter, and publish it with a data card."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.data_preparation.card import card_figures, gates
from include.data_preparation.card.data_card import Counts, DataCard, GateFigure, write_figures
from include.data_preparation.card.data_card_page import card_page
from include.data_preparation.config import CheckConfig
from include.data_preparation.documents import DROPPED, PLANTED, read_dropped, read_planted
from include.data_preparation.privacy.audited import AUDITED, LEAKING, TABLES, joined
from include.data_preparation.privacy.leak_audit import Audit
from include.data_preparation.row_files import RowFile


class _Tables(NamedTuple):
    train: RowFile
    heldout: RowFile
    corpus: RowFile


@step(
    "dataset",
    measures=("aggregated", "cleaned", "deduplicated", "labelled", "anonymized", "audits", "synthetic"),
)
def check(
    work: Workspace,
    dataset: ArtifactRef,
    aggregated: ArtifactRef,
    cleaned: list[ArtifactRef],
    deduplicated: ArtifactRef,
    labelled: ArtifactRef,
    anonymized: list[ArtifactRef],
    audits: list[ArtifactRef],
    synthetic: ArtifactRef,
    charter: ArtifactRef,
    config: CheckConfig,
) -> None:
    """The final dataset, its data card, and in the metrics whether every gate is passed."""
    folder = work.fetch(dataset)
    tables = _Tables(*(RowFile(folder / name) for name in TABLES))
    inputs = {
        "aggregated": [aggregated],
        "cleaned": cleaned,
        "deduplicated": [deduplicated],
        "labelled": [labelled],
        "anonymized": anonymized,
        "synthetic": [synthetic],
    }
    measured = {name: [work.manifest(ref).metrics for ref in refs] for name, refs in inputs.items()}
    declared = json.loads(work.store.read(charter, "charter.json"))
    leaks = gates.find_leaks(read_planted(work.fetch(aggregated, only=PLANTED)), tables)
    pairs = [RowFile(path) for path in _held(folder, AUDITED[len(TABLES) :])]
    results = _hold_against(tables, pairs, measured, leaks, _limits(declared), config)
    audited, found = _audit(work, dataset, anonymized, audits)
    results += gates.audit_gates(audited, config)
    dropped = card_figures.by_source_and_reason(
        row for ref in (*cleaned, deduplicated) for row in read_dropped(work.fetch(ref, only=DROPPED) / DROPPED)
    )
    card = _card(tables, measured, results, dropped, found | {leak.document for leak in leaks}, declared)
    write_figures(work.output, card)
    card_page(card).write(work.output)
    _publish(work, folder, synthetic)
    work.metrics.update({name: len(rows) for name, rows in tables._asdict().items()}, **verdict(results))
    lost = sum(sum(counts.values()) for reasons in dropped.values() for counts in reasons.values())
    work.metrics.update(raw=int(measured["aggregated"][0]["documents"]), dropped=lost, leaks=len(leaks))
    work.metrics.update(audited=audited.texts, audit={"numbers": audited.numbers, "by_entity": audited.by_entity})
    work.metrics.update(recall=card.personal_data.recall, precision=card.personal_data.precision)


def _held(folder: Path, names: Sequence[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).exists()]


def _publish(work: Workspace, folder: Path, synthetic: ArtifactRef) -> None:
    for path in (*_held(folder, AUDITED), *work.fetch(synthetic).glob("*.parquet")):
        shutil.copyfile(path, work.output / path.name)


def _audit(
    work: Workspace, dataset: ArtifactRef, anonymized: list[ArtifactRef], audits: list[ArtifactRef]
) -> tuple[Audit, set[str]]:
    """What the audits of all parts found, and the ids of the documents that something was found in.

    ConfigurationError where a part of this dataset was not looked at, or not for what was removed in all `anonymized`.
    """
    measured = [work.manifest(ref).metrics for ref in audits]
    wanted = dataset.digest, sorted(ref.digest for ref in anonymized)
    looked_at = {int(one["part"]) for one in measured if (one["dataset"], one.get("anonymized")) == wanted}
    missing = set(range(len(anonymized))) - looked_at
    if missing:
        raise ConfigurationError(
            "data_preparation.check.audits",
            ", ".join(map(str, audits)) or "none",
            f"nobody looked in part {min(missing)} of {dataset} for the personal data of all {len(anonymized)} shards",
            "Run data_preparation.audit_leaks on every part of the dataset, with all anonymized shards",
        )
    documents = {name for ref in audits for name in json.loads(work.store.read(ref, LEAKING))}
    return joined(measured), documents


def _hold_against(
    tables: _Tables,
    pairs: list[RowFile],
    measured: dict[str, list[dict[str, Any]]],
    leaks: list[gates.Leak],
    limits: gates.CharterLimits,
    config: CheckConfig,
) -> list[gates.Gate]:
    raw, ready = (int(measured[name][0]["documents"]) for name in ("aggregated", "deduplicated"))
    planted = card_figures.total(measured["anonymized"], "planted")
    names = sum(planted.get(kind, 0) for kind in gates.NAMES)
    return [
        *gates.size_gates(*tables, config),
        *gates.content_gates(*tables, config),
        *gates.licence_gates([*tables, *pairs], limits),
        *gates.privacy_gates(leaks, names, config),
        gates.secret_gate([*tables, *pairs]),
        *gates.agreement_gates(measured["labelled"][0]["review"]["agreement"]["value"], config),
        *gates.synthetic_gates(measured["synthetic"][0], config),
        gates.loss_gate(raw, ready, config),
    ]


def _card(
    tables: _Tables,
    measured: dict[str, list[dict[str, Any]]],
    results: list[gates.Gate],
    dropped: dict[str, dict[str, Counts]],
    leaking: set[str],
    charter: dict[str, Any],
) -> DataCard:
    splits = {"train": tables.train, "heldout": tables.heldout, "corpus": tables.corpus}
    (aggregated,), (deduplicated,), (synthetic,) = (measured[n] for n in ("aggregated", "deduplicated", "synthetic"))
    private = all(gate.passed for gate in results if gate.private)
    return DataCard(
        **verdict(results),
        charter=_declared(charter),
        gates=tuple(GateFigure(name=g.name, measured=g.measured, allowed=g.allowed, passed=g.passed) for g in results),
        funnel=tuple(card_figures.funnel(measured, splits)),
        sources=tuple(card_figures.sources(aggregated)),
        dropped=dropped,
        languages=card_figures.total(measured["cleaned"], "languages"),
        boilerplate=card_figures.boilerplate(measured["cleaned"]),
        secrets=card_figures.total(measured["cleaned"], "secrets"),
        duplicates=card_figures.duplicates(deduplicated),
        splits={name: card_figures.split_figure(rows) for name, rows in splits.items()},
        labelling=card_figures.labelling(measured["labelled"][0]),
        personal_data=card_figures.personal_data(measured["anonymized"]),
        synthetic=card_figures.synthetic(synthetic),
        samples=tuple(card_figures.samples(splits, leaking)) if private else (),
    )


def _declared(charter: dict[str, Any]) -> dict[str, str]:
    """What of the charter bounds or explains the data."""
    licences = (charter.get("limits") or {}).get("licences")
    sensitivity = {one["name"]: one["sensitivity"] for one in charter.get("data_sources", ())}
    said = {
        "goal": charter.get("goal", ""),
        "licences allowed": "any" if licences is None else ", ".join(licences),
        "sensitivity": ", ".join(f"{name}: {level}" for name, level in sensitivity.items()),
    }
    return {name: text for name, text in said.items() if text}


def verdict(results: list[gates.Gate]) -> dict[str, Any]:
    """`passed`, and the verdict in words: the gates that failed, with what was measured and what is allowed."""
    failed = [gate for gate in results if not gate.passed]
    text = "; ".join(f"{gate.name}: {gate.measured} (allowed: {gate.allowed})" for gate in failed)
    return {"passed": not failed, "verdict": text or f"all {len(results)} gates are passed"}


def _limits(data: dict[str, Any]) -> gates.CharterLimits:
    try:
        return gates.CharterLimits.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            ".".join(("charter", *map(str, first["loc"]))),
            first["input"],
            first["msg"],
            "Correct the use case's limits",
        ) from None
