"""The job operator under Airflow's own supervisor: workers die in every way, the job runs once."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest

from include.core.processes import descendants, identity, is_alive
from tests.plugins.job_worker import DAGS, start_worker


def eventually(condition: Callable[[], object], seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.2)


class Counting:
    """One run of the DAG, and the workers that run its task."""

    def __init__(self, folder: Path) -> None:
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
        from airflow.utils.types import DagRunTriggeredByType

        self.folder = folder
        self.workers: list[ForkProcess] = []
        self.bag = BundleDagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags-folder")
        assert self.bag.import_errors == {}
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(self.bag, "dags-folder", None)
        self.run_id = trigger_dag("counting", triggered_by=DagRunTriggeredByType.TEST, run_id=folder.name).run_id

    def ti(self) -> Any:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(TaskInstance).where(TaskInstance.dag_id == "counting", TaskInstance.run_id == self.run_id)
            return session.scalars(query).one()

    def change(self, change: Callable[[Any], None]) -> None:
        from airflow.models.taskinstance import TaskInstance
        from airflow.utils.session import create_session

        with create_session() as session:
            change(session.get(TaskInstance, self.ti().id))

    def queue(self) -> str:
        """Schedule the next try, as the scheduler does; the task instance in JSON."""
        from airflow.sdk.api.datamodels._generated import TaskInstance

        def next_try(ti: Any) -> None:
            ti.try_number, ti.state = ti.try_number + 1, "queued"

        self.change(next_try)
        return TaskInstance.model_validate(self.ti(), from_attributes=True).model_dump_json()

    def work(self) -> ForkProcess:
        """Start a worker on the next try."""
        self.workers.append(start_worker(self.queue(), self.folder, f"{len(self.workers)}.log"))
        return self.workers[-1]

    def log(self) -> list[str]:
        """The messages in the log of the last try."""
        path = self.folder / f"{len(self.workers) - 1}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [str(json.loads(line).get("event", "")) for line in lines if line.startswith("{")]

    def state(self, key: str) -> Any:
        """What the task keeps under a key, as the web UI shows it."""
        from airflow.models.task_state_store import TaskStateStoreModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(TaskStateStoreModel.value).where(
                TaskStateStoreModel.run_id == self.run_id, TaskStateStoreModel.key == key
            )
            found = session.scalars(query).first()
        return json.loads(found) if isinstance(found, str) else found

    def runs(self) -> int:
        return len((self.folder / "runs").read_text().splitlines())

    def rank(self) -> str:
        eventually(lambda: (self.folder / "rank").exists() and (self.folder / "rank").read_text())
        return identity(int((self.folder / "rank").read_text()))


@pytest.fixture
def counting(
    airflow_database: None, sample: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Counting]]:
    made: list[Counting] = []

    def make(then: str) -> Counting:
        monkeypatch.setenv("COUNT_FOLDER", str(tmp_path))
        monkeypatch.setenv("COUNT_THEN", then)
        made.append(Counting(tmp_path))
        return made[-1]

    yield make
    (tmp_path / "go").touch()
    for run in made:
        for worker in run.workers:
            worker.kill()
            worker.join()


def test_a_job_outlives_workers_that_are_shut_down_and_killed_and_runs_once(
    counting: Callable[[str], Counting],
) -> None:
    run = counting("wait")
    first = run.work()
    rank = run.rank()
    (run.folder / "say-0").touch()
    eventually(lambda: "line 0" in run.log())

    first.terminate()
    first.join(60)
    assert "goes on, and the next try watches it" in (run.folder / "0.log").read_text()
    assert run.ti().state == "up_for_retry"

    second = run.work()
    eventually(lambda: "Reconnecting to existing job" in run.log())
    (run.folder / "say-1").touch()
    eventually(lambda: "line 1" in run.log())
    assert "line 0" not in run.log()
    assert second.pid
    for pid in (second.pid, *descendants(second.pid)):
        os.kill(pid, signal.SIGKILL)
    second.join()
    (run.folder / "say-2").touch()
    # what the scheduler does once it misses the heartbeats
    run.change(lambda ti: ti.handle_failure("no heartbeat"))
    assert is_alive(rank)

    third = run.work()
    eventually(lambda: "line 2" in run.log() and run.state("progress") == {"step": 2})
    (run.folder / "go").touch()
    third.join(60)
    assert (run.ti().state, run.runs()) == ("success", 1)
    assert not is_alive(rank), "a rank that the step left behind ends with the job"


def test_a_task_that_is_marked_failed_ends_its_job_and_the_ranks(counting: Callable[[str], Counting]) -> None:
    run = counting("wait")
    worker = run.work()
    rank = run.rank()
    owner = identity(int((run.folder / "runs").read_text()))

    def mark(ti: Any) -> None:
        ti.state = "failed"

    run.change(mark)
    eventually(lambda: not is_alive(rank) and not is_alive(owner), 30)
    worker.join(60)
    assert (run.ti().state, run.ti().try_number, run.runs()) == ("failed", 1, 1)


def test_a_job_that_is_killed_is_submitted_again_by_the_next_try(counting: Callable[[str], Counting]) -> None:
    run = counting("die once")
    run.work().join(60)
    assert run.ti().state == "up_for_retry"
    assert "SIGKILL" in (run.folder / "0.log").read_text()

    run.work().join(60)
    assert (run.ti().state, run.runs()) == ("success", 2)


def test_an_error_that_no_retry_mends_fails_the_task_at_once(counting: Callable[[str], Counting]) -> None:
    run = counting("refuse")
    run.work().join(60)

    assert (run.ti().state, run.ti().try_number, run.runs()) == ("failed", 1, 1)
    assert "sources.docs = 0: the source is empty. Name another" in (run.folder / "0.log").read_text()
