"""The jobs of one bucket: who was started on which request, how it goes and how it ended.

    jobs/<key>/job.json             the newest start and its request, changed by compare-and-swap only
    jobs/<key>/<start>/beat         rewritten every few seconds by the job
    jobs/<key>/<start>/watched      rewritten every few seconds by whoever watches
    jobs/<key>/<start>/stop         somebody wants it to end
    jobs/<key>/<start>/log/<part>   its lines, in parts that are written once
    jobs/<key>/<start>/ended.json   its outcome or error, written once, after the last line
    jobs/<key>/<start>/taken        somebody has taken that end

A start is the job's to run only as long as job.json names it and it has no end: whoever finds it dead writes its end,
and the job, were it alive after all, ends without one.
"""

import uuid
from contextlib import suppress
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from include.artifacts.bucket import Bucket
from include.artifacts.document import JOBS, Document
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.jobs.ended import Ended, read_ended
from include.jobs.request import JobRequest


class Runner(BaseModel):
    """The process that runs a job: its machine, and its identity there."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    host: str
    process: str


class Job(BaseModel):
    """One start of a job; `runner` is None until its process has begun."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    start: int
    back_end: str
    request: JobRequest
    runner: Runner | None = None

    @property
    def id(self) -> str:
        """Names this start in its bucket."""
        return f"{self.request.key}/{self.start}"

    @property
    def name(self) -> str:
        """Names this start where a slash is not allowed."""
        return f"{self.request.key}-{self.start}"


class Entry(NamedTuple):
    """A job as its document shows it, and the document's version."""

    job: Job | None
    version: str | None


class JobBook:
    """Reads and writes what the bucket holds of jobs."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    def newest(self, key: str) -> Entry:
        """The newest start under a key; a damaged document, or one of another key, is none, and is written over."""
        document = self._document(key)
        with suppress(CorruptedArtifactError, ValidationError):
            value, version = document.read()
            job = Job.model_validate(value) if value else None
            if job is None or job.request.key == key:
                return Entry(job, version)
        self.bucket.delete([document.key])
        return Entry(None, None)

    def next_start(self, key: str) -> int:
        """A number that no start under a key has had: what an older one has left there is not the new one's."""
        prefix = f"{JOBS}{key}/"
        names = {found.removeprefix(prefix).partition("/")[0] for found in self.bucket.keys(prefix)}
        return max((int(name) for name in names if name.isdecimal()), default=0) + 1

    def find(self, job_id: str) -> Job | None:
        """The start that an id names; None where it is not the newest one of its key."""
        job = self.newest(job_id.partition("/")[0]).job
        return job if job and job.id == job_id else None

    def write(self, job: Job, version: str | None) -> bool:
        """Make a start the newest one, or change it; False where another writer was first."""
        return self._document(job.request.key).swap(job.model_dump(mode="json"), version)

    def end(self, job: Job, ended: Ended) -> None:
        """Write how a start ended, unless that is written."""
        self.bucket.put_bytes(
            self._key(job, "ended.json"), ended.model_dump_json(indent=1).encode(), if_none_match=True
        )

    def ended(self, job: Job) -> Ended | None:
        """How a start ended; None where it has not."""
        data = self._get(job, "ended.json")
        return read_ended(data[0]) if data else None

    def take(self, job: Job) -> None:
        """Note that the end was taken: another submission begins anew."""
        self._mark(job, "taken")

    def is_taken(self, job: Job) -> bool:
        """Whether somebody has taken the end."""
        return self._get(job, "taken") is not None

    def beat(self, job: Job) -> None:
        """Show that the job lives."""
        self._mark(job, "beat")

    def last_beat(self, job: Job) -> str:
        """Differs where the job has shown that it lives; empty before the first time."""
        return self._version(job, "beat")

    def watch(self, job: Job) -> None:
        """Show that somebody waits for the job."""
        self._mark(job, "watched")

    def last_watched(self, job: Job) -> str:
        """Differs where somebody has shown that he waits; empty before the first time."""
        return self._version(job, "watched")

    def ask_to_stop(self, job: Job) -> None:
        """Leave word that the job is to end, wherever it runs."""
        self._mark(job, "stop")

    def is_asked_to_stop(self, job: Job) -> bool:
        """Whether the job is to end."""
        return self._get(job, "stop") is not None

    def add_lines(self, job: Job, part: int, lines: list[str]) -> None:
        """Write a part of the log."""
        self.bucket.put_bytes(self._key(job, f"log/{part:08}"), "\n".join(lines).encode())

    def lines(self, job: Job, part: int) -> list[str] | None:
        """A part of the log; None where it is not written yet."""
        data = self._get(job, f"log/{part:08}")
        return data[0].decode(errors="replace").split("\n") if data else None

    def _document(self, key: str) -> Document:
        return Document(self.bucket, f"{JOBS}{key}/job.json")

    @staticmethod
    def _key(job: Job, name: str) -> str:
        return f"{JOBS}{job.id}/{name}"

    def _mark(self, job: Job, name: str) -> None:
        self.bucket.put_bytes(self._key(job, name), uuid.uuid4().hex.encode())

    def _version(self, job: Job, name: str) -> str:
        data = self._get(job, name)
        return data[1] if data else ""

    def _get(self, job: Job, name: str) -> tuple[bytes, str] | None:
        try:
            return self.bucket.get_bytes(self._key(job, name))
        except ArtifactNotFoundError:
            return None
