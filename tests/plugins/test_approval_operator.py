"""Approval by one or two people on a real Airflow: the request, the answers through its API, and the record."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.strategy.approvals import ApprovalLog, Decision
from tests.conftest import ObjectStoreServer
from tests.plugins import sample_use_case
from tests.plugins.conftest import token_of
from tests.plugins.sample_workflow import connection_json
from tests.plugins.test_step_operators import states, xcom

pytestmark = pytest.mark.timeout(200)
FIRST, SECOND = "strategy.approve", "strategy.approve_second"
Answer = tuple[str, str, str]
Ask = Callable[..., Any]
Before = Callable[[Any], object]


@pytest.fixture
def place(
    airflow_database: None,
    stand_ins: Callable[[pytest.MonkeyPatch], None],
    object_store_server: ObjectStoreServer,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[ArtifactStore]:
    """A bucket of one test's own, behind the connection."""
    name = "approval-" + str(abs(hash(request.node.name)))[:12]
    address = object_store_server.address(bucket=name)
    Bucket(address).ensure()
    stand_ins(monkeypatch)
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(address))
    yield ArtifactStore(address, retries=2)


@contextmanager
def asking(approval: dict[str, Any], **strategy: Any) -> Iterator[Any]:
    """Inside, the sample's file asks for approval; its DAG."""
    from genai_workflow import genai_workflow

    known = {"strategy.approval": {"required": True} | approval}
    known |= {f"strategy.{name}": value for name, value in strategy.items()}

    def load(name: str, overrides: dict[str, Any] | None = None) -> Any:
        return sample_use_case.load_use_case(name, known | (overrides or {}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["include.use_cases"], "load_use_case", load)
        yield genai_workflow(load("sample"))


@pytest.fixture
def ask(place: ArtifactStore, client: Any) -> Ask:
    """Runs the strategy's tasks of a use case, while people give their answers: task -> who, choice, comment."""

    def run(
        approval: dict[str, Any],
        answers: dict[str, Answer],
        before: Before | None = None,
        **strategy: Any,
    ) -> Any:
        people = People(client, answers, before)
        with asking(approval, **strategy) as dag, people:
            last = [task for task in (FIRST, SECOND) if task in dag.task_dict]
            return dag.partial_subset(last, include_upstream=True).test(), people

    return run


class People:
    """Answers every request that waits, as the people named would in the web UI; nobody: the time is over.

    `before` is called with the first request before it is answered.
    """

    def __init__(self, client: Any, answers: dict[str, Answer], before: Before | None) -> None:
        self.client, self.answers, self.before = client, answers, before
        self.asked: list[dict[str, Any]] = []
        self.shown: list[bool] = []
        self.refused: list[int] = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _answer(self) -> None:
        from sqlalchemy.exc import OperationalError

        while not self.done.wait(0.2):
            # SQLite has one writer at a time
            with suppress(OperationalError):
                self._look()

    def _look(self) -> None:
        reader = {"Authorization": f"Bearer {token_of('admin', 'reader')}"}
        query = "/api/v2/dags/sample/dagRuns/~/hitlDetails?response_received=false&state=awaiting_input"
        for detail in self.client.get(query, headers=reader).json().get("hitl_details", []):
            task = detail["task_instance"]
            if task["task_id"] not in self.answers:
                continue
            page = f"/genai/reports/sample/{task['dag_run_id']}/{task['task_id']}"
            shown = "strategy.charter</h1>" in self.client.get(page, headers=reader).text
            if self.before and not self.asked:
                self.before(task)
            if self._give(task):
                self.asked.append(detail)
                self.shown.append(shown)

    def _give(self, task: Any) -> bool:
        user, choice, comment = self.answers[task["task_id"]]
        if user == "":
            self._time_out()
            return True
        path = f"/api/v2/dags/sample/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/-1/hitlDetails"
        # the web form sends null for what is left empty
        body = {"chosen_options": [choice] if choice else [], "params_input": {"comment": comment or None}}
        headers = {"Authorization": f"Bearer {token_of('admin', user)}"}
        answer = self.client.patch(path, json=body, headers=headers)
        if answer.is_client_error:
            self.refused.append(answer.status_code)
            self.answers[task["task_id"]] = ("", "", "")
        return bool(answer.is_success)

    def _time_out(self) -> None:
        """What the scheduler does when the time is over."""
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
        from airflow.models.taskinstance import TaskInstance
        from airflow.sdk.timezone import utcnow
        from airflow.utils.session import create_session
        from sqlalchemy import update

        with create_session() as session:
            session.execute(
                update(TaskInstance).where(TaskInstance.state == "awaiting_input").values(trigger_timeout=utcnow())
            )
        SchedulerJobRunner(Job()).check_awaiting_input_timeouts()


def recorded(store: ArtifactStore, run: Any) -> list[Decision]:
    charter = ArtifactRef.model_validate(xcom(run, "strategy.charter"))
    return ApprovalLog(store.bucket, "sample", charter).read()


def test_two_different_people_approve_and_the_record_says_who(ask: Ask, place: ArtifactStore) -> None:
    run, people = ask(
        {"people": 2}, {FIRST: ("ada", "Approve", "fine, see [x](http://x)"), SECOND: ("ben", "Approve", "")}
    )

    assert set(states(run).values()) == {"success"}
    assert [(one.number, one.user, one.choice, one.task) for one in recorded(place, run)] == [
        (1, "ada", "approved", FIRST),
        (2, "ben", "approved", SECOND),
    ]
    assert recorded(place, run)[0].comment == "fine, see [x](http://x)"
    first, second = people.asked
    assert people.shown == [True, True], "the charter's page, while they are asked"
    assert "/genai/reports/sample/" in first["body"] and first["defaults"] is None
    assert "Another person" in second["body"] and "Another person" not in first["body"]
    assert xcom(run, FIRST) == xcom(run, "strategy.charter")


def test_an_approved_charter_is_not_asked_about_again_and_a_changed_one_is(ask: Ask, place: ArtifactStore) -> None:
    asked = ask({}, {FIRST: ("ada", "Approve", "")})[1].asked
    again, people = ask({}, {FIRST: ("ben", "Reject", "")})
    assert len(asked) == 1 and people.asked == []
    assert states(again)[FIRST, -1] == "success"
    assert "approved by ada" in xcom(again, FIRST, "approvals")[0]

    changed, people = ask({}, {FIRST: ("ben", "Reject", "too dear")}, owner="Somebody else")
    assert len(people.asked) == 1 and states(changed)[FIRST, -1] == "failed"
    assert [(one.user, one.choice, one.comment) for one in recorded(place, changed)] == [
        ("ben", "rejected", "too dear")
    ]


def test_one_person_is_not_two(ask: Ask, place: ArtifactStore) -> None:
    run, _ = ask({"people": 2}, {FIRST: ("ada", "Approve", ""), SECOND: ("ada", "Approve", "")})

    assert (states(run)[FIRST, -1], states(run)[SECOND, -1]) == ("success", "failed")
    assert run.get_task_instance(SECOND).try_number == 1
    assert [one.user for one in recorded(place, run)] == ["ada", "ada"]

    later, people = ask({"people": 2}, {FIRST: ("x", "Reject", ""), SECOND: ("ben", "Approve", "")})
    assert set(states(later).values()) == {"success"} and len(people.asked) == 1, "only the second person is asked"


def test_a_rejection_takes_back_the_approval_before_it(ask: Ask, place: ArtifactStore) -> None:
    run, _ = ask({"people": 2}, {FIRST: ("ada", "Approve", ""), SECOND: ("ben", "Reject", "no")})
    assert states(run)[SECOND, -1] == "failed"

    _, people = ask({"people": 2}, {FIRST: ("cyd", "Approve", ""), SECOND: ("ben", "Approve", "")})
    assert [detail["task_instance"]["task_id"] for detail in people.asked] == [FIRST, SECOND]


def test_an_answer_without_a_choice_is_no_approval(ask: Ask, place: ArtifactStore) -> None:
    run, people = ask({}, {FIRST: ("ada", "", "")})

    assert people.refused == [422] and states(run)[FIRST, -1] == "failed"
    assert recorded(place, run) == []


def test_nobody_in_time_fails_for_good_and_records_nothing(ask: Ask, place: ArtifactStore) -> None:
    run, people = ask({}, {FIRST: ("", "", "")})

    assert people.asked and states(run)[FIRST, -1] == "failed"
    assert run.get_task_instance(FIRST).try_number == 1
    assert recorded(place, run) == []


def test_what_another_run_got_approved_passes_when_the_time_is_over(ask: Ask, place: ArtifactStore) -> None:
    first, _ = ask({}, {FIRST: ("ben", "Reject", "")})
    charter = ArtifactRef.model_validate(xcom(first, "strategy.charter"))
    elsewhere = recorded(place, first)[0].model_copy(update={"choice": "approved", "user": "ada", "run_id": "another"})

    run, people = ask({}, {FIRST: ("", "", "")}, lambda _: ApprovalLog(place.bucket, "sample", charter).add(elsewhere))
    assert len(people.asked) == 1 and states(run)[FIRST, -1] == "success"


def test_only_those_who_may_approve_can(ask: Ask, place: ArtifactStore) -> None:
    run, people = ask({"approvers": ["ada", "ben"], "people": 2}, {FIRST: ("eve", "Approve", "")})
    assert people.refused == [403] and states(run)[FIRST, -1] == "failed"

    _, people = ask(
        {"approvers": ["ada", "ben"], "people": 2}, {FIRST: ("ben", "Approve", ""), SECOND: ("ben", "Approve", "")}
    )
    assert people.refused == [403], "who has approved is not among those who are asked"
    assert people.asked[-1]["assigned_users"] == [{"id": "ada", "name": "ada"}]


def test_an_answer_that_was_not_recorded_is_asked_for_again(
    ask: Ask, place: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, died = ApprovalLog.add, []

    def die_once(log: ApprovalLog, decision: Decision) -> list[Decision]:
        if not died:
            died.append(decision)
            raise SystemExit("the worker is stopped")
        return add(log, decision)

    monkeypatch.setattr(ApprovalLog, "add", die_once)
    run, people = ask({}, {FIRST: ("ada", "Approve", "")})

    assert len(died) == 1 and len(people.asked) == 2
    assert run.get_task_instance(FIRST).try_number == 2 and states(run)[FIRST, -1] == "success"
    assert [one.at for one in recorded(place, run)] != [died[0].at]


def test_an_answer_counts_only_for_the_charter_that_was_asked_about(ask: Ask, place: ArtifactStore) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    other = xcom(ask({}, {FIRST: ("ben", "Reject", "")}, owner="Somebody else")[0], "strategy.charter")

    def exchange(task: Any) -> None:
        key = {"dag_id": "sample", "task_id": "strategy.charter", "run_id": task["dag_run_id"]}
        with create_session() as session:
            XComModel.set(key="return_value", value=other, serialize=False, session=session, **key)

    run, people = ask({}, {FIRST: ("ada", "Approve", "")}, exchange)

    assert len(people.asked) == 2 and people.asked[0]["body"] == people.asked[1]["body"]
    assert [(one.user, one.choice) for one in recorded(place, run)] == [("ben", "rejected"), ("ada", "approved")]
    assert states(run)[FIRST, -1] == "success" and run.get_task_instance(FIRST).try_number == 2


def test_plan_page_and_command_show_who_approved(
    ask: Ask, place: ArtifactStore, client: Any, token: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from genai_airflow.plan import plan

    from include.cli.main import BAD_INPUT, OK, main

    run, _ = ask({}, {FIRST: ("ada", "Approve", "<script>alert(1)</script>")})
    with asking({}) as dag:
        found = {task.task: task for task in plan(dag, place).tasks}
    assert found[FIRST].state == "reused" and "the charter was approved by ada on " in found[FIRST].reason

    for task in ("strategy.charter", FIRST):
        path = f"/genai/reports/sample/{run.run_id}/{task}"
        page = client.get(path, headers={"Authorization": f"Bearer {token}"}).text
        assert "<h2>Approval</h2>" in page and "<td>ada</td>" in page and "strategy.charter</h1>" in page
        assert "<script" not in page and page.count("</html>") == 1

    monkeypatch.setattr("include.cli.approvals.open_store", lambda: place)
    capsys.readouterr()
    assert main(["approvals", "sample", "--json"]) == OK
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["user"], told["choice"], told["comment"]) == ("ada", "approved", "<script>alert(1)</script>")
    assert main(["approvals", "sample"]) == OK and "ada" in capsys.readouterr().out
    assert main(["approvals", "nobody"]) == BAD_INPUT
