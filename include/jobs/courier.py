"""What a running job tells the bucket while its step works: its lines, that it lives; and what it hears there."""

import sys
import threading
import time
from collections import deque

from include.artifacts.bucket import Bucket
from include.artifacts.claim import BEAT_SECONDS
from include.core.errors import GenaiError, TransientError
from include.core.settings import settings
from include.jobs.book import Job, JobBook

FLUSH_SECONDS = 1.0
LAST_WORDS_SECONDS = 120.0
# what is kept while the store does not answer
MOST_LINES = 20_000


class Courier:
    """Sends lines and beats in a thread of its own. `verdict` says why the job has to end, once it has to."""

    def __init__(self, bucket: Bucket, job: Job) -> None:
        # a short try each time: what cannot be sent now is sent with the next part
        self.book, self.job = JobBook(Bucket(bucket.address, retries=1)), job
        self.verdict = ""
        self._lines: deque[str] = deque(maxlen=MOST_LINES)
        # a part that may be in the store already: sent again as it is
        self._unsent: list[str] = []
        self._part = self._dropped = 0
        self._watched, self._since = "", time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, line: str) -> None:
        """A line for the log."""
        self._dropped += len(self._lines) == MOST_LINES
        self._lines.append(line)

    def close(self) -> None:
        """Send what is left, for as long as the store may take to come back."""
        self._done.set()
        self._thread.join()
        deadline = time.monotonic() + LAST_WORDS_SECONDS
        while not self._flush() and time.monotonic() < deadline:
            time.sleep(FLUSH_SECONDS)

    def _run(self) -> None:
        beaten = 0.0
        while not self._done.wait(FLUSH_SECONDS):
            self._flush()
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                self._show_and_listen()

    def _flush(self) -> bool:
        """Send the lines that there are; False where some are left."""
        if not self._unsent:
            self._unsent = [self._lines.popleft() for _ in range(len(self._lines))]
            if self._dropped:
                self._unsent.insert(0, f"({self._dropped} lines were lost: the store did not answer)")
                self._dropped = 0
        if not self._unsent:
            return True
        try:
            self.book.add_lines(self.job, self._part, self._unsent)
        except GenaiError as error:
            print(error, file=sys.stderr)  # noqa: T201 the job's local log: the store's is out of reach
            return False
        self._part, self._unsent = self._part + 1, []
        return not self._lines

    def _show_and_listen(self) -> None:
        try:
            self.book.beat(self.job)
            if self.book.ended(self.job):
                self.verdict = "it was taken for dead, and another start has its place"
            if self.book.is_asked_to_stop(self.job):
                self.verdict = "it was asked to stop"
            watched = self.book.last_watched(self.job)
        except TransientError:
            # nobody can show that he waits while the store is away
            self._since = time.monotonic()
            return
        except GenaiError as error:
            self.verdict = str(error)
            return
        if watched != self._watched:
            self._watched, self._since = watched, time.monotonic()
        patience = settings().job_patience_minutes * 60
        if patience and time.monotonic() - self._since > patience:
            self.verdict = f"no task has waited for it for {settings().job_patience_minutes:g} minutes"
