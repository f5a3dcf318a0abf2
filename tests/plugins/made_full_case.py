"""A use case of which everything is known: a race, curves, a rollout under way, traffic, scale, feedback and looks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from include.artifacts.bucket import Bucket
from include.artifacts.history import Place, now
from include.artifacts.manifest import RunName
from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES
from include.feedback.said import Said, write_said
from include.inferencing import champion
from include.inferencing.champion import Rollout, Serving, Transition
from include.inferencing.scaling.scale import Change, Scale, change_scale
from include.inferencing.traffic import Minute, ModelTraffic, Times, TrafficReport, minute_of
from include.jobs.book import Job, JobBook
from include.jobs.request import JobRequest
from tests.plugins.made_cases import commit, keep_record, make_charter, make_verdict, run_name
from tests.plugins.made_runs import ALL_DONE, airflow_run

TECHNIQUES = ("lora", "prompt_tuning", "dpo")
FUNNEL = (
    ("read", 5600, None),
    ("aggregated", 5592, 8),
    ("cleaned", 5438, 154),
    ("deduplicated", 5325, 113),
    ("corpus", 4992, 333),
    ("train", 1500, None),
    ("heldout", 64, None),
)
TRAINING = {"strategy": "success", "data_preparation": "success", "training.pretrain": "running"}


def make_full_case(store: ArtifactStore, use_case: str, *, title: str = "") -> RunName:
    """Everything of a use case. Its newest run trains from scratch; the one before it made what serves."""
    earlier = datetime.now(UTC) - timedelta(days=1)
    before = run_name(use_case, "scheduled__before", earlier)
    charter = make_charter(store, before)
    _data_card(store, before)
    _race(store, before)
    gate = make_verdict(store, before, charter, document=gate_document())
    _rollout(store, use_case, gate)
    _traffic(store.bucket, use_case)
    _feedback(store.bucket, use_case)
    airflow_run(use_case, ALL_DONE, title=title, run_id=before.run_id, as_of=earlier)
    newest = run_name(use_case, "scheduled__newest", datetime.now(UTC) - timedelta(minutes=10))
    airflow_run(use_case, TRAINING, title=title, state="running", run_id=newest.run_id, as_of=_moment(newest))
    _job(store, newest)
    looked(store, use_case, month=41.2, budget=100.0)
    return newest


def _moment(run: RunName) -> datetime:
    return datetime.fromisoformat(run.as_of)


def _data_card(store: ArtifactStore, run: RunName) -> None:
    stages = [
        {"name": name, "records": left, "lost": lost, "note": f"of {run.use_case}"} for name, left, lost in FUNNEL
    ]
    card = {"passed": True, "verdict": "all 26 gates are passed", "funnel": stages}
    ref = commit(store, "dataset", "data_preparation.check", {"card.json": card})
    keep_record(store, run, "data_preparation.check", ref, passed=True)


def losses(steps: int, begins: float, ends: float) -> list[tuple[int, float]]:
    """A curve that falls."""
    return [(step, round(ends + (begins - ends) * 0.97**step, 4)) for step in range(1, steps + 1)]


def write_curves(bucket: Bucket, key: str, curve: list[tuple[int, float]], steps: int, **told: Any) -> None:
    """What a training tells."""
    held = [(step, {"corpus": round(loss * 1.05, 4)}) for step, loss in curve if step % 20 == 0]
    document = {"step": curve[-1][0], "steps": steps, "losses": curve, "validations": held} | told
    bucket.put_bytes(key, json.dumps(document).encode())


def _race(store: ArtifactStore, run: RunName) -> None:
    """One rung, on which prompt tuning is stopped, and the last one."""
    standings = [
        {
            "name": name,
            "path": f"customization.{name}",
            "value": 3.1 + 0.2 * place,
            "low": 3.0 + 0.2 * place,
            "high": 3.2 + 0.2 * place,
            "steps": 30,
            "device_seconds": 20.0,
            "rest": 40.0,
            "goes_on": place < 2,
            "reason": "among the best 2 of 3" if place < 2 else "not among the best 2 of 3",
        }
        for place, name in enumerate(TECHNIQUES)
    ]
    for number, share in ((1, 0.25), (2, 0.5)):
        values = [one | {"value": float(str(one["value"])) - 0.1 * number} for one in standings[: 4 - number]]
        rung = {"number": number - 1, "share": share, "indicator": "answer_nll", "standings": values}
        ref = commit(store, "report", "customization.halve", {"rung.json": rung})
        keep_record(store, run, f"customization.rung_{number}.halve", ref, passed=True)
    for index, name in enumerate(TECHNIQUES[:2]):
        ref = commit(store, "adapter", "customization.tune", {"adapter_info.json": {"technique": name}})
        keep_record(store, run, "customization.tune", ref, index, technique=name, steps=60)
        key = CURVES.format(step=ref.step, fingerprint=ref.fingerprint)
        write_curves(store.bucket, key, losses(60, 4.2, 2.9 + 0.2 * index), 60)


def gate_document() -> dict[str, Any]:
    """gate.json of a race that lora has won."""
    difference = {"mean": -0.484, "low": -0.577, "high": -0.4, "p": 0.0001}
    held = [{"name": "better than the base", "found": "no", "asked": "below 0", "passed": False}]
    common = {"technique": "", "form": "lora", "training_cost": 0.012, "serving_cost_a_month": 0.0, "indicators": []}
    return {
        "indicator": "answer_nll",
        "currency": "EUR",
        "device_seconds": 312.0,
        "trials": [
            common | {"name": "lora", "selected": True, "mean": 2.973, "against": {"base": difference}, "checks": []},
            common | {"name": "dpo", "selected": False, "mean": None, "against": {}, "checks": held},
        ],
    }


def _rollout(store: ArtifactStore, use_case: str, gate: Any) -> None:
    package = commit(store, "package", "inferencing.package", {"package.json": {"of": "the candidate"}})
    candidate = Serving(model_name=champion.model_name(use_case, package), package=package, gate=gate)
    rollout = Rollout(
        **run_name(use_case).model_dump(),
        candidate=candidate,
        phase="canary",
        share=0.1,
        owner="",
        beat=3,
        started_at=now(),
        changed_at=now(),
    )
    log = (
        Transition(at=now(), what="started", model_name=candidate.model_name, run_id="scheduled__before"),
        Transition(at=now(), what="canary", model_name=candidate.model_name, run_id="scheduled__before", share=0.1),
    )
    champion.change(store.bucket, use_case, lambda alias: alias.model_copy(update={"rollout": rollout, "log": log}))


def _traffic(bucket: Bucket, use_case: str) -> None:
    alias, _ = champion.read_alias(bucket, use_case)
    assert alias.champion and alias.rollout
    present = datetime.now(UTC)
    minutes: dict[str, list[Minute]] = {}
    for ago in range(50, 0, -1):
        moment = present - timedelta(minutes=ago)
        models = {
            alias.champion.model_name: _asked(20 + ago % 7, 0.18 + 0.002 * (ago % 11)),
            alias.rollout.candidate.model_name: _asked(2 + ago % 2, 0.15),
        }
        at = minute_of(moment)
        minutes.setdefault(at[:13], []).append(Minute(at=at, models=models, arrived=25, in_flight=4, waiting=ago % 3))
    for found in minutes.values():
        TrafficReport(gateway="one", minutes=found).write(bucket)
    changes = tuple(
        Change(at=(present - timedelta(minutes=ago)).isoformat(), servers=count, instances={}, reason=f"{count} needed")
        for ago, count in ((45, 1), (20, 2))
    )
    instances = {alias.champion.model_name: 2}
    scaled = Scale(servers=2, wanted=2, instances=instances, since=now(), reason="0.4/s by trend", changes=changes)
    change_scale(bucket, lambda _: scaled)


def _asked(requests: int, seconds: float) -> ModelTraffic:
    first, whole = Times(), Times()
    first.add(seconds, requests)
    whole.add(8 * seconds, requests)
    return ModelTraffic(requests=requests, first_token=first, whole=whole, completion_tokens=90 * requests)


def _feedback(bucket: Bucket, use_case: str) -> None:
    for number in range(12):
        moment = datetime.now(UTC) - timedelta(days=number % 4, minutes=5)
        said = Said(
            id=f"exchange{number:03}",
            tenant="digest",
            answered_at=moment.isoformat(),
            recorded_at=moment.isoformat(),
            thumb="down" if number % 4 == 0 else "up",
            correction="It wraps text." if number % 4 == 0 else "",
        )
        write_said(bucket, use_case, said)


def _job(store: ArtifactStore, run: RunName) -> None:
    """A training from scratch that goes on, as its job and Airflow's task state tell it."""
    from airflow.models.dagrun import DagRun
    from airflow.models.task_state_store import TaskStateStoreModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    place = Place(task="training.pretrain", **run.model_dump())
    request = JobRequest(
        step="training.pretrain", name="training.pretrain", fingerprint="c" * 64, arguments={}, place=place
    )
    job = Job(start=1, back_end="local", request=request)
    JobBook(store.bucket).write(job, None)
    write_curves(store.bucket, request.curves, losses(120, 9.1, 5.5), 400, tokens_per_second=5120, eta_seconds=94.0)
    with create_session() as session:
        found = session.scalar(select(DagRun.id).where(DagRun.dag_id == run.use_case, DagRun.run_id == run.run_id))
        session.add(
            TaskStateStoreModel(
                dag_run_id=found,
                dag_id=run.use_case,
                run_id=run.run_id,
                task_id="training.pretrain",
                map_index=-1,
                key="job",
                value=json.dumps(job.id),
            )
        )


def looked(store: ArtifactStore, use_case: str, **metrics: Any) -> None:
    """A look at cost, as a run of the use case's operations leaves it."""
    from airflow.models.dagrun import DagRun
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    window = {"serving": 1.2, "training": 0.3, "server_hours": 24.0, "prompt_tokens": 1000, "completion_tokens": 9000}
    look = {"windows": {"24 h": window, "7 d": window}, "budget": 100.0, "currency": "EUR"}
    ref = commit(store, "report", "inferencing.operations.cost", {"cost.json": look})
    dag = f"{use_case}_operations"
    airflow_run(dag, {}, tasks=("cost",))
    with create_session() as session:
        run = session.scalar(select(DagRun).where(DagRun.dag_id == dag))
        told = {"outcome": {"metrics": metrics | {"currency": "EUR"}}, "return_value": ref.model_dump(mode="json")}
        for key, value in told.items():
            session.add(
                XComModel(
                    dag_run_id=run.id, dag_id=dag, run_id=run.run_id, task_id="cost", map_index=-1, key=key, value=value
                )
            )
