"""Submitting and watching jobs: one start at a time under a key, whoever asks, however they die."""

import json
import time
from collections.abc import Callable
from typing import Any, Literal

from include.artifacts.claim import SILENCE_SECONDS
from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.core.errors import ArtifactNotFoundError, GenaiError, JobFailedError, TransientError
from include.jobs.back_end import BackEnd
from include.jobs.book import Job, JobBook
from include.jobs.ended import Ended, died
from include.jobs.request import JobRequest

# running; ended with something to take; over: nothing is to be had of it any more
Status = Literal["running", "ended", "over"]
POLL_SECONDS = 1.0
WATCH_SECONDS = 10.0
# what a watcher rides out of a store or cluster that does not answer
OUTAGE_SECONDS = 600.0


class _Heard:
    """The beats of a job that its back end cannot see from here."""

    def __init__(self) -> None:
        self.beat: str | None = None
        self.since, self.changed = time.monotonic(), False

    def lives(self, beat: str) -> bool | None:
        """Whether it lives, by what its beat was and is; None where that takes longer to tell."""
        if beat != self.beat:
            self.changed, self.beat, self.since = self.beat is not None, beat, time.monotonic()
        if time.monotonic() - self.since > SILENCE_SECONDS:
            return False
        return True if self.changed else None


class Jobs:
    """The jobs of one store on one back end."""

    def __init__(self, store: ArtifactStore, back_end: BackEnd) -> None:
        self.store, self.back_end, self.book = store, back_end, JobBook(store.bucket)
        self._heard: dict[str, _Heard] = {}

    def submit(self, request: JobRequest) -> Job:
        """The job of a request: the one that runs or has ended with something to take, else a new start.

        Of those who submit at once, one starts it, and all get it.
        """
        while True:
            job, version = self.book.newest(request.key)
            if job and self.status(job) != "over":
                return job
            new = Job(
                start=job.start + 1 if job else self.book.next_start(request.key),
                back_end=self.back_end.name,
                request=request,
            )
            if self.book.write(new, version):
                self._launch(new)
                return new

    def _launch(self, job: Job) -> None:
        try:
            self.book.watch(job)
            self.back_end.launch(job, self.store.bucket.address.environment())
        except GenaiError as error:
            self.book.end(job, Ended.badly(error))
            self.book.take(job)
            raise

    def status(self, job: Job) -> Status:
        """How a start stands; waits where it takes a while to tell whether the job lives."""
        while (ended := self.book.ended(job)) is None:
            alive = self._is_alive(job)
            if alive:
                return "running"
            if alive is None:
                time.sleep(POLL_SECONDS)
            else:
                self._declare_dead(job)
        return "ended" if ended.is_final and not self.book.is_taken(job) else "over"

    def watch(self, job: Job, *, part: int, tell: Callable[[list[str], int], None], leave: Callable[[], bool]) -> bool:
        """Wait for a job's end; False where `leave` said so before.

        `tell` gets the job's lines from part `part` of its log on, and the number of the part that comes next.
        """
        shown, answered, described = 0.0, time.monotonic(), ""
        while not leave():
            try:
                alive, ended = self._is_alive(job), self.book.ended(job)
                while (lines := self.book.lines(job, part)) is not None:
                    part += 1
                    tell(lines, part)
                if ended:
                    return True
                if alive is False:
                    self._declare_dead(job)
                    continue
                if time.monotonic() - shown > WATCH_SECONDS:
                    shown = time.monotonic()
                    self.book.watch(job)
                    job = self.book.find(job.id) or job
                    if (now := self.back_end.describe(job)) != described:
                        described = now
                        tell([f"job {job.id}: {now}"], part)
                answered = time.monotonic()
            except TransientError:
                if time.monotonic() - answered > OUTAGE_SECONDS:
                    raise
            time.sleep(POLL_SECONDS)
        return False

    def progress(self, job: Job) -> dict[str, Any]:
        """Loss, tokens a second, memory and time left, as the job last told them; empty where it has told nothing."""
        try:
            found: dict[str, Any] = json.loads(self.store.bucket.get_bytes(job.request.progress)[0])
        except (ArtifactNotFoundError, ValueError):
            return {}
        return found

    def take(self, job: Job) -> Outcome:
        """What the job's step did, once it has ended; raises the error that it ended with."""
        ended = self.book.ended(job)
        if ended is None:
            raise JobFailedError("job", job.id, "its end is gone from the store", "Run the step again")
        self.book.take(job)
        return ended.outcome()

    def stop(self, job: Job) -> None:
        """End a job and all of its processes, wherever they are."""
        job = self.book.find(job.id) or job
        self.back_end.stop(job)
        if self.book.ended(job) is None:
            self.book.ask_to_stop(job)

    def _is_alive(self, job: Job) -> bool | None:
        """What the back end sees; where it cannot see the job, what the job shows, and None until that is clear."""
        current = job if job.runner else self.book.find(job.id)
        if current is None:
            return False
        seen = self.back_end.is_alive(current)
        return self._heard.setdefault(job.id, _Heard()).lives(self.book.last_beat(job)) if seen is None else seen

    def _declare_dead(self, job: Job) -> None:
        """Write the end of a job that wrote none; one that lives after all finds it and ends."""
        self.book.end(job, Ended.badly(died(f"it is gone, killed or with its machine: {self.back_end.describe(job)}")))
