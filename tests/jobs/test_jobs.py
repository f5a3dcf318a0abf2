"""Jobs as processes of this machine: one start under a key, whoever asks; they end whole, and as their step did."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, GenaiError, JobFailedError, SourceError
from include.core.processes import is_alive
from include.jobs.book import Job
from include.jobs.ended import Ended, died
from include.jobs.jobs import Jobs
from include.jobs.local_jobs import LocalJobs
from include.jobs.request import Argument, import_step
from tests.jobs.asking import eventually, rank, request, runs


@pytest.fixture
def jobs(store: ArtifactStore, tmp_path: Path) -> Iterator[Jobs]:
    yield Jobs(store, LocalJobs())
    for folder in tmp_path.iterdir():
        (folder / "go").touch()


def end(jobs: Jobs, job: Job) -> Outcome | GenaiError:
    """What a job's watcher gets."""
    assert jobs.watch(job, part=0, tell=lambda lines, part: None, leave=lambda: False)
    try:
        return jobs.take(job)
    except GenaiError as error:
        return error


def pid(process: str) -> int:
    return int(process.partition("@")[0])


def runner(jobs: Jobs, job: Job) -> str:
    """The process of a job, once it has begun."""

    def begun() -> Job | None:
        found = jobs.book.find(job.id)
        return found if found and found.runner else None

    eventually(begun)
    found = begun()
    assert found and found.runner
    return found.runner.process


def test_of_two_that_submit_at_once_one_starts_the_job_and_both_get_its_end(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    folder, others = tmp_path / "both", Jobs(store, LocalJobs())
    asked = [request(store, folder, "wait", run) for run in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda one, what: one.submit(what), (jobs, others), asked)
        assert first.id == second.id
        rank(folder)
        (folder / "go").touch()
        ends = list(pool.map(lambda one: end(one, first), (jobs, others)))

    assert isinstance(ends[0], Outcome) and ends[0] == ends[1]
    assert (ends[0].metrics, runs(folder)) == ({"value": 0}, 1)


def test_a_killed_job_takes_its_ranks_along_and_the_next_submission_starts_anew(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    asked = request(store, folder, "wait")
    job = jobs.submit(asked)
    left = rank(folder)
    os.kill(pid(runner(jobs, job)), signal.SIGKILL)

    assert isinstance(end(jobs, job), JobFailedError)
    os.kill(pid(left), signal.SIGKILL)
    (folder / "go").touch()
    again = jobs.submit(asked)
    assert (again.start, jobs.status(job)) == (2, "over")
    assert isinstance(end(jobs, again), Outcome)
    assert runs(folder) == 2


def test_a_crash_of_the_step_is_told_with_its_lines_and_leaves_nothing(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    folder = tmp_path / "crash"
    job, lines = jobs.submit(request(store, folder, "die")), list[str]()
    jobs.watch(job, part=0, tell=lambda more, part: lines.extend(more), leave=lambda: False)

    assert "counted 0" in lines
    with pytest.raises(JobFailedError, match="SIGKILL"):
        jobs.take(job)


def test_an_error_that_no_retry_mends_is_kept_until_somebody_takes_it(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    folder = tmp_path / "refuses"
    asked = request(store, folder, "refuse")
    job = jobs.submit(asked)
    eventually(lambda: jobs.book.ended(job))

    # a worker that died before it took the error does not make the step run again
    assert jobs.submit(asked) == jobs.book.find(job.id)
    error = end(jobs, job)
    assert isinstance(error, SourceError) and str(error) == "sources.docs = 0: the source is empty. Name another"
    assert jobs.submit(asked).start == 2


def test_stopping_ends_the_step_and_its_ranks(jobs: Jobs, store: ArtifactStore, tmp_path: Path) -> None:
    folder = tmp_path / "stopped"
    job = jobs.submit(request(store, folder, "wait"))
    left, process = rank(folder), runner(jobs, job)
    jobs.stop(job)

    eventually(lambda: not is_alive(left) and not is_alive(process), 30)
    assert isinstance(end(jobs, job), JobFailedError)


def test_a_job_ends_itself_where_nobody_waits_or_another_start_has_its_place(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = jobs.submit(request(store, tmp_path / "replaced", "wait"))
    monkeypatch.setenv("GENAI_JOB_PATIENCE_MINUTES", "0.001")
    forgotten = jobs.submit(request(store, tmp_path / "forgotten", "wait"))
    ranks = [rank(tmp_path / name) for name in ("replaced", "forgotten")]
    jobs.book.end(replaced, Ended.badly(died("it was silent")))

    eventually(lambda: not any(map(is_alive, ranks)))
    eventually(lambda: jobs.book.ended(forgotten))
    ended = jobs.book.ended(forgotten)
    assert ended and ended.error and "no task has waited" in ended.error["value"]


def test_a_start_that_was_written_down_and_never_launched_is_replaced(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.jobs.jobs.SILENCE_SECONDS", 0.5)
    asked = request(store, tmp_path / "never", "return")
    assert jobs.book.write(Job(start=1, back_end="local", request=asked), None)

    job = jobs.submit(asked)
    assert job.start == 2
    assert isinstance(end(jobs, job), Outcome)


def test_a_damaged_document_does_not_make_a_new_start_end_as_an_old_one_did(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    asked = request(store, tmp_path / "damaged", "return")
    old = Job(start=1, back_end="local", request=asked)
    jobs.book.end(old, Ended.badly(died("long ago")))
    store.bucket.put_bytes(f"jobs/{asked.key}/job.json", b"{")

    job = jobs.submit(asked)
    assert job.start == 2
    assert isinstance(end(jobs, job), Outcome)


def test_a_job_whose_code_is_another_than_was_asked_for_makes_nothing(
    jobs: Jobs, store: ArtifactStore, tmp_path: Path
) -> None:
    asked = request(store, tmp_path / "other", "return")
    job = jobs.submit(asked.model_copy(update={"fingerprint": "0" * 64}))

    error = end(jobs, job)
    assert isinstance(error, GenaiError) and "changed meanwhile" in str(error)
    assert not (tmp_path / "other" / "runs").exists()


def test_a_document_that_names_another_jobs_work_is_none(jobs: Jobs, store: ArtifactStore, tmp_path: Path) -> None:
    mine, other = (request(store, tmp_path / name, "return") for name in ("mine", "other"))
    put = Job(start=1, back_end="local", request=other)
    store.bucket.put_bytes(f"jobs/{mine.key}/job.json", put.model_dump_json().encode())
    assert jobs.book.newest(mine.key).job is None


@pytest.mark.parametrize("path", ["subprocess:Popen", "pydantic:BaseModel", "os.path:join"])
def test_a_request_imports_nothing_outside_of_the_project(path: str) -> None:
    with pytest.raises(ConfigurationError, match="outside of this project"):
        import_step(path)
    with pytest.raises(ConfigurationError, match="outside of this project"):
        Argument(kind="model", model=path, value={}).restore()
