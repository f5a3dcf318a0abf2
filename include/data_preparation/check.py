"""Hold the dataset against its gates and the charter, and publish it with a data card."""

import json
import shutil
from collections import Counter
from typing import Any

from pydantic import ValidationError

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.core.errors import ConfigurationError
from include.data_preparation import gates
from include.data_preparation.config import CheckConfig
from include.data_preparation.data_card import DataCard, write_card
from include.data_preparation.documents import DROPPED, PLANTED, read_dropped, read_planted, read_table

TABLES = ("train.parquet", "heldout.parquet", "corpus.parquet")


@step("dataset")
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
    train, heldout, corpus = (read_table(folder / name) for name in TABLES)
    planted = read_planted(work.fetch(aggregated, only=PLANTED))
    leaks = gates.find_leaks(planted, (train, heldout, corpus))
    measured = {
        name: work.store.manifest(ref).metrics
        for name, ref in (("aggregated", aggregated), ("deduplicated", deduplicated), ("synthetic", synthetic))
    }
    anonymization = [work.store.manifest(ref).metrics for ref in anonymized]
    raw, ready = int(measured["aggregated"]["documents"]), int(measured["deduplicated"]["documents"])
    names = sum(_counts(anonymization, "planted")[entity] for entity in ("PERSON", "STREET_ADDRESS"))
    results = [
        *gates.size_gates(train, heldout, corpus, config),
        *gates.content_gates(train, heldout, corpus, config),
        *gates.licence_gates(train, heldout, corpus, _limits(work, charter)),
        *gates.privacy_gates(leaks, names, config),
        *gates.synthetic_gates(measured["synthetic"], config),
        gates.loss_gate(raw, ready, config),
    ]
    dropped = [row for ref in (*cleaned, deduplicated) for row in read_dropped(work.fetch(ref, only=DROPPED) / DROPPED)]
    for name in TABLES:
        shutil.copyfile(folder / name, work.output / name)
    shutil.copyfile(work.fetch(synthetic, only="tickets.parquet") / "tickets.parquet", work.output / "tickets.parquet")
    card = DataCard(
        gates=results,
        funnel={
            "raw": raw,
            "cleaned": sum(int(work.store.manifest(ref).metrics["documents"]) for ref in cleaned),
            "deduplicated": ready,
            "corpus": len(corpus),
            "train questions": len(train),
            "held-out questions": len(heldout),
        },
        dropped=dropped,
        entities=dict(_counts(anonymization, "by_entity")),
        planted=dict(_counts(anonymization, "planted")),
        covered=dict(_counts(anonymization, "covered")),
        found=dict(_counts(anonymization, "found")),
        right=dict(_counts(anonymization, "right")),
        labels=dict(Counter(row["label"] for row in train).most_common()),
        licences=dict(Counter(row["license"] for row in corpus).most_common()),
        sources=dict(Counter(row["source"] for row in corpus).most_common()),
        synthetic={
            name: measured["synthetic"][name] for name in ("rows", "quality", "constraint_share", "copied_rows")
        },
    )
    write_card(work.output, card)
    work.metrics.update(train=len(train), heldout=len(heldout), corpus=len(corpus), **verdict(results))
    work.metrics.update(raw=raw, dropped=len(dropped), leaks=len(leaks), recall=card.recall, precision=card.precision)


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
