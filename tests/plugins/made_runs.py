"""Runs of use cases in Airflow's database, as they stand and without any task that ran."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

MOMENT = datetime(2026, 11, 28, 3, tzinfo=UTC)
RUN = "scheduled__2026-11-28T03:00:00+00:00"
TASKS = {
    "strategy": ("charter",),
    "data_preparation": ("aggregate", "clean", "deduplicate", "label", "anonymize", "split", "check"),
    "training": ("train_tokenizer", "pack", "pretrain", "screen", "evaluate", "select_model"),
    "customization": ("predict_costs", "tune", "evaluate", "gate", "model_card"),
    "inferencing": ("package", "review", "deploy"),
}


ALL_TASKS = tuple(f"{step}.{name}" for step, names in TASKS.items() for name in names)
ALL_DONE = dict.fromkeys(TASKS, "success")


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
