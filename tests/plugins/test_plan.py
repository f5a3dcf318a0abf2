"""Plans: the real graph walked with the store's answers, and the same graph run afterwards."""

import sys
from typing import Any

import pytest

from include.artifacts.history import History
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from tests.plugins.conftest import token_of
from tests.plugins.test_step_operators import states, xcom

DEPLOY = "inferencing.deploy"
Options = dict[str, Any]


@pytest.fixture(scope="module")
def place(plans: ArtifactStore) -> ArtifactStore:
    return plans


def planned(store: ArtifactStore, **options: Any) -> Any:
    from genai_airflow.plan import plan
    from genai_airflow.planned_run import read_dag

    return plan(read_dag("sample", PROJECT_ROOT / "dags"), store, **options)


def told(plan: Any) -> dict[str, tuple[str, str]]:
    """Task -> state and reason."""
    return {task.task: (task.state, task.reason) for task in plan.tasks}


def run(conf: Options | None = None) -> Any:
    from genai_airflow.planned_run import read_dag

    return read_dag("sample", PROJECT_ROOT / "dags").test(run_conf=conf or {})


def outcomes(dag_run: Any) -> dict[tuple[str, int], bool]:
    """Task instance -> whether it reused its artifact, for the instances of steps that got that far."""
    found = {key: xcom(dag_run, key[0], "outcome", key[1]) for key in states(dag_run)}
    return {key: outcome["reused"] for key, outcome in found.items() if outcome and key[0] != DEPLOY}


def assert_agree(plan: Any, dag_run: Any) -> None:
    """Every instance did what the plan said; what the plan left open may have gone either way."""
    did = outcomes(dag_run)
    for task in plan.tasks:
        for instance in task.instances:
            key = (task.task, instance.index)
            if instance.state == "not reached":
                assert key not in did, (key, instance)
            elif task.task != DEPLOY and task.counted and instance.state != "may run":
                assert did[key] == (instance.state != "runs"), (key, instance, did[key])


def test_before_any_run_everything_is_a_first_run(place: ArtifactStore) -> None:
    plan = planned(place)

    # the selected model is evaluated in training already, so that these may find what they need
    compared = ("evaluate_base", "evaluate_champion", "evaluate")
    open_tasks = {*(f"customization.{name}" for name in compared), DEPLOY}
    assert {task for task, (state, _) in told(plan).items() if state != "runs"} == open_tasks
    assert {why for task, (_, why) in told(plan).items() if task not in open_tasks} == {"first run"}
    assert plan.certain.at_least and plan.certain.seconds == 0


@pytest.fixture(scope="module")
def history(place: ArtifactStore) -> Any:
    """A plan, and the first run after it."""
    plan = planned(place)
    return plan, run()


def test_the_first_run_does_what_its_plan_says(history: Any) -> None:
    assert_agree(*history)


def test_after_a_run_everything_is_reused(place: ArtifactStore, history: Any) -> None:
    plan = planned(place)

    assert {state for task, (state, _) in told(plan).items() if task != DEPLOY} == {"reused"}
    why = told(plan)["training.pretrain"][1]
    assert why.startswith("same code, configuration and inputs as on 20")
    assert why.endswith(f"in run {history[1].run_id}")
    assert (plan.certain.seconds, plan.certain.at_least) == (0.1, False), "only the deployment looks at the world"
    assert [len(task.instances) for task in plan.tasks if task.task == "data_preparation.clean"] == [3]


def test_a_changed_knob_runs_and_what_depends_on_it_may(place: ArtifactStore, history: Any) -> None:
    found = told(planned(place, overrides={"customization.lora.rank": 16}))

    assert found["data_preparation.check"][0] == found["training.select_model"][0] == "reused"
    state, why = found["customization.tune"]
    assert state == "runs"
    assert why == f"1 of 2 runs, 1 of 2 reused: customization.lora.rank 8 -> 16 (since run {history[1].run_id})"
    assert found["customization.evaluate"] == (
        "may run",
        "1 of 2 may run, 1 of 2 reused: depends on customization.tune, which runs",
    )
    assert found["customization.gate"][1] == "depends on customization.tune, customization.evaluate, which may run"
    assert found["inferencing.package"] == (
        "may run",
        "depends on customization.gate, which may run",
    )


def test_a_forced_run_runs_every_step(place: ArtifactStore, history: Any) -> None:
    plan = planned(place, force=True)

    found = told(plan)
    assert found.pop(DEPLOY) == ("may run", "depends on inferencing.package, which runs")
    assert {(state, why.partition(";")[0]) for state, why in found.values()} == {("runs", "forced")}
    assert len(plan.tasks) > 20 and not plan.most.seconds < plan.certain.seconds
    assert plan.forced


def test_a_gate_that_is_not_passed_ends_the_plan(place: ArtifactStore, history: Any) -> None:
    options = {"customization.gate.passed": False}
    assert told(planned(place, overrides=options))["customization.gate"][0] == "runs"
    dag_run = run({"overrides": options})
    plan = planned(place, overrides=options)

    assert told(plan)["customization.gate"] == ("fails", "the gate is not passed: no adapter is better than the base")
    assert told(plan)["inferencing.package"] == ("not reached", "customization.gate fails")
    assert told(plan)[DEPLOY] == ("not reached", "customization.gate fails")
    assert_agree(plan, run({"overrides": options}))
    assert states(dag_run)["inferencing.package", -1] == "upstream_failed"


@pytest.mark.parametrize(
    "overrides",
    [
        {"data_preparation.synthesize.value": 7},
        {"customization.techniques": ["prompt_tuning"], "evaluation.value": 3},
        {"training.candidates.smollm2.value": 5, "customization.lora.rank": 32},
    ],
    ids=lambda overrides: "-".join(overrides),
)
def test_plans_and_runs_agree(place: ArtifactStore, history: Any, overrides: Options) -> None:
    plan = planned(place, overrides=overrides)
    assert_agree(plan, run({"overrides": overrides}))

    again = planned(place, overrides=overrides)
    assert {state for task, (state, _) in told(again).items() if task != DEPLOY} == {"reused"}


def test_time_and_cost_are_those_of_the_run_before(place: ArtifactStore, history: Any) -> None:
    records = History(place.bucket).newest("sample", planned(place).as_of)
    plan = planned(place, overrides={"training.pretrain.value": 9})
    work = plan.work["training.pretrain"]

    assert work.seconds == round(records["training.pretrain", -1].seconds, 2)
    assert work.cost == pytest.approx(work.seconds * plan.device_hour_price / 3600 * 2, abs=1e-5), "two devices"
    assert not work.at_least
    assert plan.certain.seconds == work.seconds
    assert plan.most.seconds > plan.certain.seconds
    tuned = [records["customization.tune", index].seconds for index in (0, 1)]
    assert plan.work["customization.tune"].seconds == pytest.approx(sum(tuned))


def test_what_cannot_run_is_told(place: ArtifactStore, history: Any) -> None:
    from genai_airflow.planned_run import read_dag

    from include.core.errors import ConfigurationError

    with pytest.raises(ConfigurationError, match="not a moment"):
        planned(place, as_of="yesterday")
    with pytest.raises(ConfigurationError, match="Did you mean rank"):
        read_dag("broken", PROJECT_ROOT / "dags")


def test_approval_is_asked_for(place: ArtifactStore, history: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.core.errors import ConfigurationError
    from tests.plugins import sample_use_case

    module, original = sys.modules["include.use_cases"], sample_use_case.load_use_case
    asking = {"strategy.approval": {"required": True, "approvers": ["admin"]}}
    monkeypatch.setattr(
        module, "load_use_case", lambda name, overrides=None: original(name, asking | (overrides or {}))
    )

    found = told(planned(place))
    assert found["strategy.approve"] == ("asks", "a person approves or rejects it, unless this charter is approved")
    assert found["data_preparation.aggregate"][0] == "reused"
    with pytest.raises(ConfigurationError, match="a run does not change who approves"):
        planned(place, overrides={"strategy.approval.required": False})


def test_plans_are_served_to_users_who_may_read_the_dag(
    client: Any, token: str, place: ArtifactStore, history: Any
) -> None:
    path, viewer = "/genai/plan/sample", {"Authorization": f"Bearer {token}"}
    user = {"Authorization": f"Bearer {token_of('user')}"}
    options = {"overrides": {"customization.lora.rank": 64}, "as_of": "2025-01-01"}

    assert client.post(path, json={}).status_code == client.get(f"{path}/page").status_code == 401
    nobody = {"Authorization": f"Bearer {token_of(None)}"}
    assert client.post(path, json={}, headers=nobody).status_code == 403
    assert client.get(f"{path}/page", headers=nobody).status_code == 403
    assert client.post(path, json=options, headers=viewer).status_code == 403, "options are for who may start a run"
    answer = client.post(path, json=options, headers=user)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    found = {task["task"]: task for task in answer.json()["tasks"]}
    assert "-> 64 (since run" in found["customization.tune"]["reason"]
    assert answer.json()["as_of"] == "2025-01-01T00:00:00+00:00"
    page = client.get(f"{path}/page", headers=viewer)
    assert page.status_code == 200 and "customization.tune (2 tasks)" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_command_line_s_client_gets_the_plan(client: Any, token: str, place: ArtifactStore, history: Any) -> None:
    from fastapi.testclient import TestClient

    from include.core.errors import ConfigurationError
    from include.local.airflow_api import AirflowApi

    api = AirflowApi("http://testserver", "", "")
    api.client = TestClient(client.app, headers={"Authorization": f"Bearer {token_of('user')}"})
    options = {"overrides": {}, "force_rerun": True, "as_of": ""}
    assert api.plan("sample", options)["forced"]
    with pytest.raises(ConfigurationError, match=r"plan.broken = 400: .*Did you mean rank"):
        api.plan("broken", options)


def test_what_a_plan_shows_is_escaped(
    client: Any, token: str, place: ArtifactStore, history: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.core.errors import SourceError
    from tests.plugins.sample_workflow import modules

    step = sys.modules["include.strategy.charter"].charter  # type: ignore[attr-defined]

    def fail(*_: Any, **__: Any) -> None:
        raise SourceError("<script>alert(1)</script>", "", "it is gone", "Look")

    assert "include.strategy.charter" in modules()
    monkeypatch.setattr(step, "observes", fail)
    page = client.get("/genai/plan/sample/page", headers={"Authorization": f"Bearer {token}"})
    assert page.status_code == 200
    assert "<script>" not in page.text and "&lt;script&gt;alert(1)" in page.text
