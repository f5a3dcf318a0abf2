"""Hold the dataset against its gates and the charter, and publish it with a data card."""

import json
import shutil
from collections import Counter
from typing import Any, NamedTuple

from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.data_preparation import gates
from include.data_preparation.config import CheckConfig
from include.data_preparation.data_card import DataCard, write_card
from include.data_preparation.documents import DROPPED, PLANTED, Dropped, read_dropped, read_planted, read_table

TABLES = ("train.parquet", "heldout.parquet", "corpus.parquet")


class _Tables(NamedTuple):
    train: gates.Rows
    heldout: gates.Rows
    corpus: gates.Rows


@step("dataset", measures=("aggregated", "cleaned", "deduplicated", "anonymized", "synthetic"))
def check(
    work: Workspace,
    dataset: ArtifactRef,
    aggregated: ArtifactRef,
    cleaned: list[ArtifactRef],
    deduplicated: ArtifactRef,
    anonymized: list[ArtifactRef],
    synthetic: ArtifactRef,
    charter: ArtifactRef,
    config: CheckConfig,
) -> None:
    """The final dataset, its data card, and in the metrics whether every gate is passed."""
    folder = work.fetch(dataset)
    tables = _Tables(*(read_table(folder / name) for name in TABLES))
    measured = {
        name: work.manifest(ref).metrics
        for name, ref in (("aggregated", aggregated), ("deduplicated", deduplicated), ("synthetic", synthetic))
    }
    cleaning = [work.manifest(ref).metrics for ref in cleaned]
    measured["cleaned"] = {
        "documents": sum(int(shard["documents"]) for shard in cleaning),
        "secrets": dict(sorted(_counts(cleaning, "secrets").items())),
    }
    anonymization = [work.manifest(ref).metrics for ref in anonymized]
    leaks = gates.find_leaks(read_planted(work.fetch(aggregated, only=PLANTED)), tables)
    results = _hold_against(tables, measured, anonymization, leaks, _limits(work, charter), config)
    dropped = [row for ref in (*cleaned, deduplicated) for row in read_dropped(work.fetch(ref, only=DROPPED) / DROPPED)]
    for name in TABLES:
        shutil.copyfile(folder / name, work.output / name)
    shutil.copyfile(work.fetch(synthetic, only="tickets.parquet") / "tickets.parquet", work.output / "tickets.parquet")
    card = _card(tables, measured, anonymization, results, dropped)
    write_card(work.output, card)
    work.metrics.update({name: len(rows) for name, rows in tables._asdict().items()}, **verdict(results))
    work.metrics.update(raw=card.funnel["raw"], dropped=len(dropped), leaks=len(leaks))
    work.metrics.update(recall=card.recall, precision=card.precision)


def _hold_against(
    tables: _Tables,
    measured: dict[str, dict[str, Any]],
    anonymization: list[dict[str, Any]],
    leaks: list[gates.Leak],
    limits: gates.CharterLimits,
    config: CheckConfig,
) -> list[gates.Gate]:
    raw, ready = int(measured["aggregated"]["documents"]), int(measured["deduplicated"]["documents"])
    planted = _counts(anonymization, "planted")
    return [
        *gates.size_gates(*tables, config),
        *gates.content_gates(*tables, config),
        *gates.licence_gates(*tables, limits),
        *gates.privacy_gates(leaks, planted["PERSON"] + planted["STREET_ADDRESS"], config),
        gates.secret_gate(tables),
        *gates.synthetic_gates(measured["synthetic"], config),
        gates.loss_gate(raw, ready, config),
    ]


def _card(
    tables: _Tables,
    measured: dict[str, dict[str, Any]],
    anonymization: list[dict[str, Any]],
    results: list[gates.Gate],
    dropped: list[Dropped],
) -> DataCard:
    return DataCard(
        gates=results,
        funnel={
            "raw": int(measured["aggregated"]["documents"]),
            "cleaned": measured["cleaned"]["documents"],
            "deduplicated": int(measured["deduplicated"]["documents"]),
            "corpus": len(tables.corpus),
            "train questions": len(tables.train),
            "held-out questions": len(tables.heldout),
        },
        dropped=dropped,
        secrets=measured["cleaned"]["secrets"],
        entities=dict(_counts(anonymization, "by_entity")),
        planted=dict(_counts(anonymization, "planted")),
        covered=dict(_counts(anonymization, "covered")),
        found=dict(_counts(anonymization, "found")),
        right=dict(_counts(anonymization, "right")),
        labels=dict(Counter(row["label"] for row in tables.train).most_common()),
        licences=dict(Counter(row["license"] for row in tables.corpus).most_common()),
        sources=dict(Counter(row["source"] for row in tables.corpus).most_common()),
        synthetic={
            name: measured["synthetic"][name] for name in ("rows", "quality", "constraint_share", "copied_rows")
        },
    )


def verdict(results: list[gates.Gate]) -> dict[str, Any]:
    """`passed`, and the verdict in words: the gates that failed, with what was measured and what is allowed."""
    failed = [gate for gate in results if not gate.passed]
    text = "; ".join(f"{gate.name}: {gate.measured} (allowed: {gate.allowed})" for gate in failed)
    return {"passed": not failed, "verdict": text or f"all {len(results)} gates are passed"}


def _limits(work: Workspace, charter: ArtifactRef) -> gates.CharterLimits:
    data = json.loads(work.store.read(charter, "charter.json"))
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


def _counts(metrics: list[dict[str, Any]], name: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for shard in metrics:
        total.update(shard[name])
    return total
