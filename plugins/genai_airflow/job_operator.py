"""The operator that runs a step as a job of its own, which outlives the worker that submitted it."""

from typing import TYPE_CHECKING, Any

from airflow.sdk import Context, ResumableJobMixin
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowTaskTimeout

from genai_airflow.run_options import is_forced
from genai_airflow.step_operators import RunStepOperator
from include.artifacts.history import Place
from include.artifacts.outcome import record, reused
from include.artifacts.store import ArtifactStore
from include.jobs.back_end import back_end
from include.jobs.book import Job
from include.jobs.jobs import Jobs
from include.jobs.request import JobRequest, import_step

if TYPE_CHECKING:
    from include.artifacts.outcome import Outcome

READ, PROGRESS = "log", "progress"


class RunJobOperator(ResumableJobMixin, RunStepOperator):
    """Runs one step as a detached job, or reuses its artifact without submitting anything.

    The job is submitted once, under a key made of the step's fingerprint, wherever the worker dies: the next try goes
    on watching it. Its lines appear in the task's log as they come, its loss, tokens a second, memory and time left in
    the tab Task State Store. Marking the task failed or clearing it ends the
    job; a worker that is shut down leaves it to the next try. What the step raised is raised here: a PermanentError
    fails the task at once. GENAI_JOBS says where jobs run, on this machine or as Kubernetes jobs.

    A job has the object store and GENAI_* settings, and no Airflow: its step reads no Airflow connection.
    """

    external_id_key = "job"
    ui_color = "#d6e4fb"
    _asked_to_end = False

    def perform(self, context: Context, store: ArtifactStore, arguments: dict[str, Any], place: Place) -> "Outcome":
        """Reuse, or submit and wait."""
        step, force = import_step(self.step), is_forced(context)
        decision = step.decide(store, arguments, place=place, config_path=self.config, force=force)
        if decision.found:
            outcome = reused(decision.found)
        else:
            self.log.info(decision.reason)
            fingerprint = decision.parts.digest(step.name)
            self._request = JobRequest.of(
                self.step, fingerprint, arguments, place, config_path=self.config, force=force
            )
            self._jobs = Jobs(store, back_end())
            outcome = self.execute_resumable(context)
        record(store, place, outcome)
        return outcome

    def submit_job(self, context: Context) -> str:
        """The id of the job that runs, or that has ended with something to take; else of a new one."""
        job = self._jobs.submit(self._request)
        self.log.info("job %s on %s", job.id, job.back_end)
        return job.id

    def get_job_status(self, external_id: Any, context: Context) -> str:
        """running, ended or over; `over` too where what decides the step's result has changed since the job began."""
        job = self._jobs.book.find(external_id)
        if job is None:
            return "over"
        if job.request.key != self._request.key:
            self.log.info("job %s makes another artifact than this try needs: it is stopped", job.id)
            self._jobs.stop(job)
            return "over"
        return self._jobs.status(job)

    def is_job_active(self, status: str) -> bool:
        """Whether it can be watched."""
        return status == "running"

    def is_job_succeeded(self, status: str) -> bool:
        """Whether its end can be taken: an outcome, or an error that no retry mends."""
        return status == "ended"

    def poll_until_complete(self, external_id: Any, context: Context) -> "Outcome":  # type: ignore[override]
        """Show the job's lines until it has ended.

        Gives what `get_job_result` gives: the mixin asks for nothing more where it has reconnected.
        """
        job = self._find(external_id)
        reading = _Reading(context, job)
        try:
            done = self._jobs.watch(job, part=reading.part, tell=self._tell(reading), leave=lambda: self._asked_to_end)
        except AirflowTaskTimeout:
            self._jobs.stop(job)
            raise
        if not done:
            self._leave(job, context)
        return self.get_job_result(external_id, context)

    def get_job_result(self, external_id: Any, context: Context) -> "Outcome":
        """What the job's step did, or the error that it raised.

        A job that another task submitted made the artifact that this one reuses.
        """
        job, store = self._find(external_id), self._jobs.store
        outcome = self._jobs.take(job)
        return outcome if job.request.place == self._request.place else reused(store.manifest(outcome.ref))

    def on_kill(self) -> None:
        """Airflow wants this process to end: the loop that waits sees it, and finds out why.

        Nothing is asked here: what runs in a signal's handler must not wait for what it interrupted.
        """
        self._asked_to_end = True

    def _find(self, job_id: Any) -> Job:
        job = self._jobs.book.find(job_id)
        if job is None:
            raise AirflowException(f"job {job_id} was replaced by a later one")
        return job

    def _tell(self, reading: "_Reading") -> Any:
        def tell(lines: list[str], part: int) -> None:
            for line in lines:
                self.log.info("%s", line)
            reading.moved(part, self._jobs.progress(reading.job))

        return tell

    def _leave(self, job: Job, context: Context) -> None:
        """End the job where the task is not to run any more, or has no try left; leave it to the next try else."""
        ti = context["ti"]
        if _is_running(ti) and ti.try_number <= ti.max_tries:
            raise AirflowException(f"the worker is shut down; job {job.id} goes on, and the next try watches it")
        self._jobs.stop(job)
        raise AirflowFailException(f"job {job.id} was stopped")


class _Reading:
    """How far the job's log was shown, kept for the next try."""

    def __init__(self, context: Context, job: Job) -> None:
        self.state, self.job = context.get("task_state_store"), job
        kept = self.state.get(READ) if self.state else None
        self.part = kept["part"] if isinstance(kept, dict) and kept.get("job") == job.id else 0

    def moved(self, part: int, progress: dict[str, Any]) -> None:
        """Keep the part that comes next, and show how far the job is beside it."""
        if self.state and part != self.part:
            self.part = part
            self.state.set(READ, {"job": self.job.id, "part": part})
            if progress:
                self.state.set(PROGRESS, progress)


def _is_running(ti: Any) -> bool:
    """Whether Airflow still has this try as running; it has not where somebody marked or cleared the task."""
    mapped = None if ti.map_index is None or ti.map_index < 0 else ti.map_index
    states = ti.get_task_states(dag_id=ti.dag_id, map_index=mapped, task_ids=[ti.task_id], run_ids=[ti.run_id])
    found = states.get(ti.run_id, {})
    return "running" in found.values()
