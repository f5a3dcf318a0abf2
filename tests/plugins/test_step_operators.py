"""The whole graph and its operators: a real Airflow run on SQLite against a real S3 server."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from tests.plugins.conftest import Run

TASKS = 59


def states(dag_run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in dag_run.get_task_instances()}


def xcom(dag_run: Any, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(
            run_id=dag_run.run_id, key=key, dag_ids="sample", task_ids=task_id, map_indexes=map_index
        )
        row = session.scalars(query).first()
        return XComModel.deserialize_value(row) if row else None


def lines(store: ArtifactStore, dag_run: Any, task_id: str, map_index: int = -1) -> str:
    ref = ArtifactRef.model_validate(xcom(dag_run, task_id, map_index=map_index))
    return store.read(ref, "lines.txt").decode()


def test_the_whole_graph_runs(first_run: Any) -> None:
    found = states(first_run)

    assert len(found) == TASKS and set(found.values()) == {"success"}, found
    assert xcom(first_run, "data_preparation.aggregate", "shards") == [0, 1, 2]
    base = xcom(first_run, "customization.evaluate_base", "outcome")
    assert base["reused"], "the selected model was evaluated in training already"


def test_mapped_tasks_get_every_upstream_output(first_run: Any, store: ArtifactStore) -> None:
    check = lines(store, first_run, "data_preparation.check")
    gate = lines(store, first_run, "customization.gate")

    assert (check.count("anonymized "), check.count("cleaned "), check.count("charter ")) == (3, 3, 1)
    assert (gate.count("adapters "), gate.count("evaluations ")) == (2, 2)
    assert "shard 2" in lines(store, first_run, "data_preparation.clean", 2)


def test_mapped_tasks_are_told_apart_by_name(first_run: Any) -> None:
    labels = [
        ti.rendered_map_index
        for ti in sorted(first_run.get_task_instances(), key=lambda ti: (ti.task_id, ti.map_index))
        if ti.map_index >= 0 and ti.task_id != "data_preparation.anonymize"
    ]

    assert labels == [
        *["lora", "prompt_tuning"] * 2,
        *["part 0", "part 1", "part 2"],
        *["shard 0", "shard 1", "shard 2"] * 2,
        *["partition 0", "partition 1", "partition 2"],
        *["shard 0", "shard 1", "shard 2"],
        *["pretrain", "import_pretrained", "import_pretrained"],
        *["smollm2", "other"],
    ]


def test_a_second_run_reuses_every_step(first_run: Any, run: Run) -> None:
    second = run()

    outcomes = {key: xcom(second, key[0], "outcome", key[1]) for key in states(second)}
    assert all(outcome["reused"] for outcome in outcomes.values() if outcome), outcomes
    assert xcom(second, "inferencing.package") == xcom(first_run, "inferencing.package")


def test_a_changed_knob_reruns_what_depends_on_it_and_a_gate_keeps_its_report(
    first_run: Any, run: Run, store: ArtifactStore
) -> None:
    overrides = {"customization.techniques": ["lora"], "customization.gate.passed": False}
    changed = run({"customization.lora.rank": 16, "overrides": overrides})

    found = states(changed)
    assert [index for task, index in found if task == "customization.tune"] == [0]
    # the charter looks at the techniques too, and nothing else does
    assert "techniques" in xcom(changed, "strategy.charter", "outcome")["reason"]
    assert xcom(changed, "data_preparation.check", "outcome")["reused"]
    assert xcom(changed, "training.pretrain", "outcome")["reused"]
    tuned = xcom(changed, "customization.tune", "outcome", 0)
    assert not tuned["reused"]
    assert tuned["reason"].startswith("ran: customization.lora.rank 8 -> 16 (since run manual__")
    assert found["customization.gate", -1] == "failed"
    assert found["inferencing.package", -1] == "upstream_failed"
    assert changed.get_task_instance("customization.gate").try_number == 1
    assert xcom(changed, "customization.gate", "outcome")["metrics"]["verdict"]
    ref = ArtifactRef.model_validate(xcom(changed, "customization.gate"))
    assert b"customization.gate" in store.read(ref, "report.html")


def test_a_shrunken_source_stops_the_run_and_is_compared_with_the_earlier_moment(
    first_run: Any, run: Run, store: ArtifactStore
) -> None:
    overrides = {"data_preparation.aggregate.value": 2, "data_preparation.compare_sources.passed": False}
    moment = datetime.now(UTC).isoformat()
    later = run({"as_of": moment, "overrides": overrides})

    found = states(later)
    assert xcom(later, "data_preparation.aggregate", "outcome")["metrics"]["as_of"] == moment
    compared = lines(store, later, "data_preparation.compare_sources")
    before = ArtifactRef.model_validate(xcom(first_run, "data_preparation.aggregate"))
    assert f"previous {before}" in compared
    assert found["data_preparation.compare_sources", -1] == "failed"
    stopped = ("data_preparation.aggregated_shards", "data_preparation.synthesize", "training.pack")
    assert {found[task, -1] for task in stopped} == {"upstream_failed"}


def test_a_permanent_error_fails_at_once_whatever_is_forced_before_it(first_run: Any, run: Run) -> None:
    dag_run = run({"force_rerun": True, "overrides": {"data_preparation.aggregate.error": "permanent"}})

    assert xcom(dag_run, "strategy.charter", "outcome")["reason"] == "ran: forced"
    assert states(dag_run)["data_preparation.deduplicate", -1] == "upstream_failed"
    ti = dag_run.get_task_instance("data_preparation.aggregate")
    assert (str(ti.state), ti.try_number, ti.max_tries) == ("failed", 1, 2)


def test_a_transient_error_uses_every_try(run: Run) -> None:
    ti = run({"overrides": {"strategy.error": "transient"}}).get_task_instance("strategy.charter")

    assert (str(ti.state), ti.try_number) == ("failed", 3)


@pytest.mark.parametrize(
    ("conf", "message"),
    [
        ({"rank": 4}, "conf.rank"),
        ({"customization.lora.rnk": 4}, "rnk"),
        ({"overrides": {"customization.prompt_tuning.value": -1}}, "customization.prompt_tuning.value"),
    ],
)
def test_a_wrong_option_fails_the_first_task(
    run: Run, conf: dict[str, Any], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ti = run(conf).get_task_instance("strategy.charter")

    assert (str(ti.state), ti.try_number) == ("failed", 1)
    out, err = capfd.readouterr()
    assert message in out + err


def test_the_forms_schema_refuses_a_value_before_anything_runs(run: Run) -> None:
    with pytest.raises(Exception, match="minimum of 1"):
        run({"customization.lora.rank": 0})


def test_no_secret_is_in_any_xcom(first_run: Any, store: ArtifactStore) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        values = json.dumps([str(row.value) for row in session.scalars(select(XComModel))])
    assert store.bucket.address.access_key not in values
    assert store.bucket.address.secret_key.get_secret_value() not in values
