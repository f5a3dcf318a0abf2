"""Use cases as a workflow leaves them: artifacts, records and aliases in a real store, runs in Airflow's database."""

import json
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from include.artifacts.history import History, Place, RunRecord
from include.artifacts.manifest import FingerprintParts, Manifest, RunName, sha256_of
from include.artifacts.ref import ArtifactRef, Kind, artifact_prefix
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from include.inferencing.champion import Alias, Champion, Serving, Verdict

MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)
RUN = "scheduled__2026-11-28T03:00:00+00:00"
INDICATORS = (
    {"name": "answer_bits_per_char", "direction": "at_most", "target": 1.6, "required": True, "base": 1.558},
    {"name": "answer_chrf", "direction": "at_least", "target": 10.0, "required": False, "base": 19.09},
)
TASKS = {
    "strategy": ("charter",),
    "data_preparation": ("aggregate", "clean", "deduplicate", "label", "anonymize", "split", "check"),
    "training": ("train_tokenizer", "pack", "pretrain", "screen", "evaluate", "select_model"),
    "customization": ("predict_costs", "tune", "evaluate", "gate", "model_card"),
    "inferencing": ("package", "review", "deploy"),
}


ALL_TASKS = tuple(f"{step}.{name}" for step, names in TASKS.items() for name in names)
ALL_DONE = dict.fromkeys(TASKS, "success")


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


def airflow_run(use_case: str, states: Mapping[str, str], **told: Any) -> None:
    """A DAG and a run of it in Airflow's database: see `airflow_runs`."""
    airflow_runs([use_case], states, **told)


def airflow_runs(
    use_cases: Sequence[str],
    states: Mapping[str, str],
    *,
    title: str = "",
    state: str = "success",
    run_id: str = RUN,
    as_of: datetime = MOMENT,
    tasks: Sequence[str] = ALL_TASKS,
) -> None:
    """DAGs with a run each; `states` are the states of all tasks of a step, or of one task; others have not begun."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session
    from sqlalchemy import insert

    with create_session() as session:
        if session.get(DagBundleModel, "made") is None:
            session.add(DagBundleModel(name="made"))
            session.flush()
        for use_case in use_cases:
            if session.get(DagModel, use_case) is None:
                goal = "Engineers get a correct first answer."
                values = {"dag_id": use_case, "dag_display_name": title or use_case, "description": goal}
                session.execute(insert(DagModel.__table__).values(**values | _DAG))
            _run(session, (use_case, run_id), state, as_of)
            _task_instances(session, (use_case, run_id), {task: _state(states, task) for task in tasks}, as_of)


_DAG: dict[str, Any] = {
    "bundle_name": "made",
    "is_stale": False,
    "is_paused": False,
    "max_active_tasks": 16,
    "has_task_concurrency_limits": False,
    "max_consecutive_failed_dag_runs": 0,
    "has_import_errors": False,
    "fail_fast": False,
    "exceeds_max_non_backfill": False,
}


def _run(session: Any, run: tuple[str, str], state: str, as_of: datetime) -> None:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import insert

    values = {
        "dag_id": run[0],
        "run_id": run[1],
        "state": state,
        "run_type": "scheduled",
        "run_after": as_of,
        "data_interval_start": as_of - timedelta(days=1),
        "data_interval_end": as_of,
        "logical_date": as_of - timedelta(days=1),
        "start_date": as_of,
        "end_date": as_of + timedelta(minutes=27) if state in ("success", "failed") else None,
        "conf": {},
        "clear_number": 0,
        "span_status": "not_started",
        "log_template_id": None,
    }
    session.execute(insert(DagRun.__table__).values(**values))


def _state(states: Mapping[str, str], task: str) -> str | None:
    return states.get(task, states.get(task.partition(".")[0]))


def _task_instances(session: Any, run: tuple[str, str], states: Mapping[str, str | None], as_of: datetime) -> None:
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import insert

    rows = []
    for task, state in states.items():
        began = state not in (None, "upstream_failed", "queued", "scheduled")
        ended = state in ("success", "failed", "skipped")
        rows.append(
            {
                "id": uuid.uuid4(),
                "task_id": task,
                "dag_id": run[0],
                "run_id": run[1],
                "map_index": -1,
                "state": state,
                "start_date": as_of + timedelta(minutes=1) if began else None,
                "end_date": as_of + timedelta(minutes=2, seconds=30) if ended else None,
                "pool": "default_pool",
                "pool_slots": 1,
                "try_number": 1,
                "max_tries": 2,
                "span_status": "not_started",
            }
        )
    session.execute(insert(TaskInstance.__table__), rows)


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
