"""Collect pairs of a better and a worse answer: from the use case's files, and against the model's own answers."""

import time
from collections import Counter
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.report import Report
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.core.settings import settings
from include.customization.config import PreferencesConfig
from include.customization.preferences.files import NoPair, read_pairs, states
from include.customization.preferences.guard import guard_of
from include.customization.preferences.own_answers import answered_questions, own_pairs
from include.customization.preferences.pairs import OWN, PAIR_TYPES, Pair
from include.customization.preferences.said import said_pairs
from include.customization.preferences.wanted import learners
from include.customization.trainer.devices import devices_of
from include.evaluation.contamination.evaluation_sets import KeptOut
from include.evaluation.contamination.evaluation_sets import states as set_states
from include.evaluation.development import development_ids
from include.evaluation.model import load_model

PAIRS, QUARANTINE = "preferences.parquet", "quarantined.parquet"
QUARANTINE_TYPES = {"source": "string", "file": "string", "line": "int64", "reason": "string"}
SHOWN = 12


def observed(
    store: ArtifactStore, customization: dict[str, Any], config: PreferencesConfig, split: dict[str, Any], **_: object
) -> dict[str, Any]:
    """Whether anything chosen learns from pairs, and then the files that hold some, and what they may not show."""
    if not learners(customization):
        return {"wanted": False}
    kept_out = KeptOut.model_validate(split)
    shown = {"kept_out": kept_out.model_dump(mode="json"), "sets": set_states(store, kept_out.evaluation_sets)}
    return {"wanted": True, "files": states(store, config)} | shown


@step("dataset", observes=observed, through=("customization", "split"))
def collect_preferences(
    work: Workspace,
    model: ArtifactRef,
    dataset: ArtifactRef,
    customization: dict[str, Any],
    config: PreferencesConfig,
    split: dict[str, Any],
) -> None:
    """preferences.parquet: id, question, chosen, rejected, source, license; quarantined.parquet: what is no pair.

    `customization` and `split`, data_preparation's, are the use case's sections as JSON; where no technique learns from
    pairs, there are none.
    metrics: pairs, by source and by licence; quarantined by reason; excluded: pairs that show what models are judged
    by; own_chrf: how near the model's own answers come to the references, and the device_seconds that they took.
    ConfigurationError where there are too few pairs.
    """
    pairs: list[Pair] = []
    bad: list[NoPair] = []
    excluded: dict[str, int] = {}
    alike: list[float] = []
    wanted = learners(customization)
    if wanted:
        train, judged = (_rows(work, dataset, name) for name in ("train.parquet", "heldout.parquet"))
        development = development_ids(row["id"] for row in train)
        held_back = [row for row in train if row["id"] in development]
        guard = guard_of(work.store, judged, held_back, KeptOut.model_validate(split))
        found, bad = read_pairs(work.store, config, work.folder)
        found += said_pairs(work, dataset, config)
        pairs = [pair for pair in found if guard.lets_teach(pair.question, pair.chosen, pair.rejected)]
        excluded = {one.origin: guard.found[one.origin] for one in guard.protected}
        shown = len(found) - len(pairs)
        asked = answered_questions([row for row in train if row["id"] not in development], config)
        if asked:
            started = time.monotonic()
            loaded = load_model(work.fetch(model), None, settings().rank_threads)
            own, alike = own_pairs(loaded, asked, config)
            pairs += own
            devices = devices_of(1, on_gpu=loaded.model.device.type == "cuda")
            work.metrics["device_seconds"] = round((time.monotonic() - started) * devices, 3)
        _require_enough(pairs, bad, shown, config)
    _write(work, pairs, bad)
    _describe(work, wanted, pairs, bad, excluded, alike)


def _rows(work: Workspace, dataset: ArtifactRef, name: str) -> list[Mapping[str, str]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(
        work.fetch(dataset, only=name) / name, columns=["id", "question", "answer", "license"]
    )
    rows: list[Mapping[str, str]] = table.to_pylist()
    return rows


def _require_enough(pairs: list[Pair], bad: list[NoPair], shown: int, config: PreferencesConfig) -> None:
    if len(pairs) < config.min_pairs:
        raise ConfigurationError(
            "customization.preferences.min_pairs",
            config.min_pairs,
            f"there are {len(pairs)} pairs; {len(bad)} rows are none, {shown} pairs show what models are "
            f"judged by, and of {config.own_answers} own answers those with a chrF2++ above {config.most_alike} "
            "are no losers",
            "Name more files, raise own_answers or most_alike, or choose techniques that need no preferences",
        )


def _write(work: Workspace, pairs: list[Pair], bad: list[NoPair]) -> None:
    import pyarrow
    import pyarrow.parquet

    for name, rows, types in ((PAIRS, pairs, PAIR_TYPES), (QUARANTINE, bad, QUARANTINE_TYPES)):
        schema = pyarrow.schema([(column, pyarrow.type_for_alias(kind)) for column, kind in types.items()])
        table = pyarrow.Table.from_pylist([row._asdict() for row in rows], schema=schema)
        pyarrow.parquet.write_table(table, work.output / name, compression="zstd")


def _describe(
    work: Workspace,
    wanted: list[str],
    pairs: list[Pair],
    bad: list[NoPair],
    excluded: dict[str, int],
    alike: list[float],
) -> None:
    sources, licences = (Counter(getattr(pair, name) for pair in pairs) for name in ("source", "license"))
    work.metrics |= {
        "pairs": len(pairs),
        "own_pairs": sources[OWN],
        "quarantined": len(bad),
        "excluded": excluded,
        "sources": dict(sorted(sources.items())),
        "licences": dict(sorted(licences.items())),
        "reasons": dict(Counter(row.reason for row in bad).most_common()),
        "own_chrf": round(fmean(alike), 2) if alike else None,
    }
    what = f"For {', '.join(wanted)}." if wanted else "No chosen technique learns from preferences: none are collected."
    shown = [(pair.source, pair.question, pair.chosen, pair.rejected) for pair in pairs[:SHOWN]]
    (
        Report("Preferences")
        .text(what)
        .table(["source", "pairs"], sorted(sources.items()), "Where they come from")
        .table(["licence", "pairs"], sorted(licences.items()), "Under which licences")
        .table(["pairs that show what is", "excluded"], list(excluded.items()), "Excluded")
        .table(["file", "line", "reason"], [row[1:] for row in bad[:SHOWN]], "First rows that are no pairs")
        .table(["source", "question", "better", "worse"], shown, "First pairs")
        .write(work.output)
    )
