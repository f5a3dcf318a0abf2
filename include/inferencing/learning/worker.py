"""Scrub what gateways hand over, and store it: `python -m include.inferencing.learning.worker GATEWAY`.

One JSON object a line comes in (Job); one goes out when it is scrubbed, and one when it is stored or given up (Done).
Raw texts are in this process's memory alone: nothing of them is logged, and no core is dumped. It ends when its input
does, with all stored that it had read, and by itself after a long silence.
"""

import logging
import os
import queue
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from include.artifacts.bucket import Bucket, StoreAddress
from include.core.errors import GenaiError
from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings
from include.feedback.said import Said, write_said
from include.inferencing.learning.exchanges import StoredExchange, exchanges_prefix, write_exchanges
from include.privacy.policy import HidingConfig
from include.privacy.scrub import Scrubber

LOG = logging.getLogger("genai.inferencing.learning.worker")
TOGETHER, CHARACTERS = 16, 30_000  # conversations scrubbed at once, and characters of theirs
FILE_EXCHANGES, FILE_SECONDS = 100, 5.0
SILENCE_SECONDS = 900.0


class Job(BaseModel):
    """An exchange or feedback with its texts as they are, and how they are scrubbed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: int
    use_case: str
    hiding: HidingConfig
    keep_days: int
    exchange: StoredExchange | None = None
    said: Said | None = None

    @property
    def tenant(self) -> str:
        """Whose it is."""
        about = self.said or self.exchange
        return about.tenant if about else ""

    @property
    def texts(self) -> list[str]:
        """What is scrubbed together."""
        if self.said:
            return [self.said.question, self.said.answer, self.said.correction]
        return [self.exchange.question, self.exchange.answer] if self.exchange else []


class Done(BaseModel):
    """What became of a job: `scrubbed` is on the way to be stored, the others are an end."""

    number: int
    outcome: Literal["scrubbed", "stored", "failed"]


class Worker:
    """Scrubs and stores; exchanges wait for a file of their own, feedback does not."""

    def __init__(self, bucket: Bucket, gateway: str, key: bytes) -> None:
        self.bucket, self.gateway, self._key = bucket, gateway, key
        self._waiting: dict[str, list[tuple[Job, StoredExchange]]] = defaultdict(list)
        self._since = time.monotonic()
        self._swept: set[tuple[str, str]] = set()
        self._scrubber = cache(lambda hiding: Scrubber(HidingConfig.model_validate_json(hiding), key))

    def take(self, jobs: list[Job]) -> Iterator[list[Done]]:
        """Scrub jobs, store feedback, and exchanges when there are enough of them; what is done, is told."""
        for group in groups(jobs):
            scrubbed = self._scrubber(group[0].hiding.model_dump_json()).scrub([job.texts for job in group])
            yield [Done(number=job.number, outcome="scrubbed") for job in group]
            for job, texts in zip(group, scrubbed, strict=True):
                yield list(self._keep(job, texts))
        if self._waiting and time.monotonic() - self._since >= FILE_SECONDS:
            yield self.flush()

    def flush(self) -> list[Done]:
        """Store all exchanges that wait."""
        done: list[Done] = []
        for use_case, waiting in self._waiting.items():
            try:
                write_exchanges(self.bucket, use_case, self.gateway, [exchange for _, exchange in waiting])
                self._sweep(use_case, waiting[-1][0].keep_days)
                outcome: Literal["stored", "failed"] = "stored"
            except GenaiError as error:
                LOG.warning("%d exchanges are lost: %s", len(waiting), error)
                outcome = "failed"
            done += [Done(number=job.number, outcome=outcome) for job, _ in waiting]
        self._waiting.clear()
        return done

    def _keep(self, job: Job, texts: list[str]) -> Iterable[Done]:
        if job.exchange:
            if not self._waiting:
                self._since = time.monotonic()
            scrubbed = job.exchange.model_copy(update={"question": texts[0], "answer": texts[1]})
            self._waiting[job.use_case].append((job, scrubbed))
            return self.flush() if len(self._waiting[job.use_case]) >= FILE_EXCHANGES else []
        named = dict(zip(("question", "answer", "correction"), texts, strict=True))
        said = job.said and job.said.model_copy(update=named)
        try:
            if said:
                write_said(self.bucket, job.use_case, said)
            return [Done(number=job.number, outcome="stored")]
        except GenaiError as error:
            LOG.warning("feedback is not stored: %s", error)
            return [Done(number=job.number, outcome="failed")]

    def _sweep(self, use_case: str, keep_days: int) -> None:
        """Once a day, delete the exchanges that are too old."""
        today = datetime.now(UTC).date()
        if (use_case, today.isoformat()) not in self._swept:
            self._swept.add((use_case, today.isoformat()))
            prefix, oldest = exchanges_prefix(use_case), (today - timedelta(days=keep_days)).isoformat()
            self.bucket.delete(key for key in self.bucket.keys(prefix) if key.removeprefix(prefix)[:10] < oldest)


def groups(jobs: list[Job]) -> Iterator[list[Job]]:
    """Jobs of the same rules that are scrubbed at once: a job, or several with CHARACTERS in all."""
    group: list[Job] = []
    for job in sorted(jobs, key=lambda one: one.hiding.model_dump_json()):
        size = sum(len(text) for one in [*group, job] for text in one.texts)
        if group and (job.hiding != group[0].hiding or size > CHARACTERS):
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def read_jobs(jobs: "queue.Queue[bytes | None]") -> None:
    """Hand on what comes in, line by line; None at its end."""
    for line in sys.stdin.buffer:
        jobs.put(line)
    jobs.put(None)


def run(worker: Worker, silence: float = SILENCE_SECONDS) -> None:
    """Work until the input ends, or is silent for so many seconds."""
    jobs: queue.Queue[bytes | None] = queue.Queue(maxsize=4 * TOGETHER)
    threading.Thread(target=read_jobs, args=(jobs,), daemon=True).start()
    heard, ended = time.monotonic(), False
    while not ended and time.monotonic() - heard < silence:
        lines = _lines(jobs)
        ended = None in lines
        taken = [Job.model_validate_json(line) for line in lines if line is not None]
        heard = time.monotonic() if lines else heard
        for done in worker.take(taken):
            tell(done)
    tell(worker.flush())


def _lines(jobs: "queue.Queue[bytes | None]") -> list[bytes | None]:
    """What has come in, at most TOGETHER; empty after a second without anything."""
    lines: list[bytes | None] = []
    with suppress(queue.Empty):
        lines.append(jobs.get(timeout=1.0))
        while len(lines) < TOGETHER and lines[-1] is not None:
            lines.append(jobs.get_nowait())
    return lines


def tell(done: list[Done]) -> None:
    """Say what is done, a line each."""
    if done:
        sys.stdout.write("".join(f"{one.model_dump_json()}\n" for one in done))
        sys.stdout.flush()


def main() -> None:
    """Serve the gateway that started it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)
    # the message of an error may hold what was read, and libraries print
    sys.excepthook = lambda kind, *_: LOG.error("ended by %s", kind.__name__)
    sys.stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bucket = Bucket(StoreAddress.of(settings()), retries=4)
    try:
        run(Worker(bucket, sys.argv[1], pseudonym_key(settings())))
    except BrokenPipeError:
        LOG.info("the gateway is gone")


if __name__ == "__main__":
    main()
