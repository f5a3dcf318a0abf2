"""Use cases as a workflow leaves them: artifacts, records and aliases in a real store."""

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from include.artifacts.history import History, Place, RunRecord
from include.artifacts.manifest import FingerprintParts, Manifest, RunName, sha256_of
from include.artifacts.ref import ArtifactRef, Kind, artifact_prefix
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Alias, Champion, Serving, Verdict
from tests.plugins.made_runs import ALL_DONE, MOMENT, RUN, airflow_run

INDICATORS = (
    {"name": "answer_bits_per_char", "direction": "at_most", "target": 1.6, "required": True, "base": 1.558},
    {"name": "answer_chrf", "direction": "at_least", "target": 10.0, "required": False, "base": 19.09},
)


def commit(
    store: ArtifactStore,
    kind: Kind,
    step: str,
    files: Mapping[str, Any],
    metrics: Mapping[str, Any] | None = None,
    inputs: Mapping[str, ArtifactRef | list[ArtifactRef]] | None = None,
) -> ArtifactRef:
    """An artifact of its own, with JSON files."""
    parts = FingerprintParts(code={}, libraries={}, config={"unique": uuid.uuid4().hex}, inputs={})
    fingerprint = sha256_of(parts.model_dump())
    with tempfile.TemporaryDirectory() as name:
        for path, value in files.items():
            (Path(name) / path).write_text(value if isinstance(value, str) else json.dumps(value))
        attempt, entries = store.upload(artifact_prefix(step, fingerprint), Path(name), fresh=True)
    made = Manifest(
        kind=kind,
        step=step,
        fingerprint=fingerprint,
        attempt=attempt,
        parts=parts,
        inputs=dict(inputs or {}),
        files=entries,
        metrics=dict(metrics or {}),
        created_at=MOMENT.isoformat(),
        created_by="tests",
        seconds=1.0,
    )
    return store.commit(made).ref


def keep_record(
    store: ArtifactStore, run: RunName, task: str, ref: ArtifactRef, index: int = -1, **metrics: Any
) -> None:
    """The record of a task of a run."""
    place = Place(task=task, map_index=index, **run.model_dump())
    moment = (datetime.fromisoformat(run.as_of) + timedelta(minutes=20)).isoformat()
    History(store.bucket).write(
        RunRecord(place=place, ref=ref, reused=False, reason="ran: first run", metrics=metrics, seconds=9.5, at=moment)
    )


def run_name(use_case: str, run_id: str = RUN, as_of: datetime = MOMENT) -> RunName:
    """A run of a use case."""
    return RunName(use_case=use_case, run_id=run_id, as_of=as_of.isoformat())


def make_charter(store: ArtifactStore, run: RunName, budget: float = 100.0) -> ArtifactRef:
    """A charter and its record."""
    document = {
        "goal": "Engineers get a correct first answer without waiting for a colleague.",
        "owner": "Engineering Productivity",
        "indicators": [{name: one[name] for name in ("name", "direction", "target", "required")} for one in INDICATORS],
        "limits": {"budget": budget, "currency": "EUR"},
        "sizing": {"training_cost": 0.0093, "serving_cost_a_month": 36.5, "total_cost": 36.5093},
    }
    ref = commit(store, "charter", "strategy.charter", {"charter.json": document, "report.html": "<h1>Charter</h1>"})
    keep_record(store, run, "strategy.charter", ref, monthly_cost=36.5)
    return ref


def make_verdict(
    store: ArtifactStore, run: RunName, charter: ArtifactRef, *, bits: float = 1.074, document: Any = None
) -> ArtifactRef:
    """A gate's report and record, and the alias of what it let pass, with its champion; passed below 1.6 bits."""
    values = {"answer_bits_per_char": (bits, 0.971, 1.188), "answer_chrf": (19.36, 14.91, 23.94)}
    rows = []
    for one in INDICATORS:
        value, low, high = values[str(one["name"])]
        met = value <= 1.6 if one["direction"] == "at_most" else value >= 10
        rows.append(one | {"customized": value, "low": low, "high": high, "met": met})
    passed = bits <= 1.6
    metrics = {
        "passed": passed,
        "technique": "lora",
        "difference": -0.484,
        "verdict": "lora is better than the base" if passed else "lora does not pass: target of answer_bits_per_char",
        "indicators": rows,
        "cost": 0.0412,
        "predicted_cost": 0.0391,
        "currency": "EUR",
    }
    gate = commit(
        store,
        "report",
        "customization.gate",
        {"gate.json": document or {"indicator": "answer_nll"}},
        metrics,
        {"charter": charter},
    )
    keep_record(store, run, "customization.gate", gate, **metrics)
    package = commit(store, "package", "inferencing.package", {"package.json": {}})
    serving = Serving(model_name=champion.model_name(run.use_case, package), package=package, gate=gate)
    at = (MOMENT + timedelta(minutes=30)).isoformat()
    alias = Alias(
        verdict=Verdict(**run.model_dump(), passed=passed, report=gate, at=at),
        champion=Champion(**serving.model_dump(), previous=None, moved_at=at) if passed else None,
    )
    assert champion.document(store.bucket, run.use_case).swap(alias.model_dump(mode="json"), None)
    return gate


def make_results(store: ArtifactStore, use_case: str, *, bits: float = 1.074) -> RunName:
    """A charter, a verdict and, where it passes, a champion."""
    name = run_name(use_case)
    make_verdict(store, name, make_charter(store, name), bits=bits)
    return name


def make_case(
    store: ArtifactStore, use_case: str, *, states: Mapping[str, str] = ALL_DONE, bits: float = 1.074, **run: Any
) -> RunName:
    """A use case with its results, and its run in Airflow."""
    airflow_run(use_case, states, **run)
    return make_results(store, use_case, bits=bits)


def write_files(folder: Path, use_cases: Sequence[str]) -> None:
    """Files of use cases, of which only the names are read where they have DAGs."""
    for name in use_cases:
        (folder / f"{name}.yaml").write_text("title: made\n")
