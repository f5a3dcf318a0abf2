"""The process of a job: `python -m include.jobs.run_step <key> <start>`.

It runs the step in a child and stays outside of it: it sends the child's lines and beats to the bucket, ends all that
the child has started when it is told to or when nobody waits for the job, and writes how it ended, a crash too. It is
the subreaper of the child, so that nothing escapes it; and where it is killed itself, the kernel kills the child, and
the ranks end with that (docs/adr/0006).
"""

import ctypes
import logging
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

from include.artifacts.bucket import Bucket, StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import ChangedMeanwhileError, ConfigurationError, GenaiError, JobFailedError
from include.core.processes import end_descendants, identity
from include.core.settings import settings
from include.jobs import pods
from include.jobs.book import Job, JobBook, Runner
from include.jobs.courier import Courier
from include.jobs.ended import Ended, died, read_ended
from include.jobs.output import Output
from include.jobs.request import JobRequest, import_step

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
END_SECONDS = 10.0
POLL_SECONDS = 0.25
_asked: list[int] = []


def main() -> int:
    """Run the start that the command line names; nothing happens where another one has its place."""
    key, start = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda number, _: _asked.append(number))
    book = JobBook(Bucket(StoreAddress.of(settings())))
    if pods.index():
        return _offer(book, key, start)
    job = _begin(book, key, start)
    if job is None:
        print(f"job {key}/{start} is not to run: another start has its place")  # noqa: T201
        return 0
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    child, output, result = _fork(job)
    courier = Courier(book.bucket, job)
    courier.start()
    ended = _attend(child, Output(output, courier.add), result, courier)
    courier.close()
    book.end(job, ended)
    return 0 if ended.error is None else 1


def _begin(book: JobBook, key: str, start: int) -> Job | None:
    """Take a start for this process."""
    job, version = book.newest(key)
    if job is None or job.start != start or job.runner or book.ended(job):
        return None
    mine = job.model_copy(update={"runner": Runner(host=socket.gethostname(), process=identity(os.getpid()))})
    return mine if book.write(mine, version) or book.newest(key).job == mine else None


def _offer(book: JobBook, key: str, start: int) -> int:
    """Be another pod of a job: its ranks run here, and end with it."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    if job := book.find(f"{key}/{start}"):
        pods.offer(book, job, over=lambda: bool(_asked))
        end_descendants(END_SECONDS)
    return 0


def _fork(job: Job) -> tuple[int, int, int]:
    """The child that runs the step, its lines, and what it says at its end. No thread runs here yet."""
    output, its_output = os.pipe()
    # a file in memory: a pipe would block a child with much to say
    result = os.memfd_create("ended")
    owner = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(output)
        _become_child(owner, its_output)
        _work(job, result)
    os.close(its_output)
    return child, output, result


def _become_child(owner: int, output: int) -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != owner:
        os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)


def _work(job: Job, result: int) -> NoReturn:
    """Run the step and say how it ended; nothing of it returns into the parent's code."""
    try:
        if settings().kubernetes_nodes > 1 and job.back_end == "kubernetes":
            os.environ |= pods.join(Bucket(StoreAddress.of(settings())), job, settings().scratch / job.name)
            settings.cache_clear()
        ended = run_step(job.request, job.back_end)
    except BaseException:  # noqa: BLE001 the parent takes silence for a crash
        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    with os.fdopen(result, "w") as file:
        file.write(ended.model_dump_json())
    os._exit(0)


def run_step(request: JobRequest, back_end: str) -> Ended:
    """Run the step of a request here, and tell how it ended.

    An error that is none of this project's own is worth a retry, as it is in a task.
    """
    store = ArtifactStore(StoreAddress.of(settings()))
    try:
        step, arguments = import_step(request.step), request.restore()
        found = step.parts(store, arguments).digest(step.name)
        if found != request.fingerprint:
            raise _other_code(request, found, back_end)
        return Ended.well(
            step.run(store, arguments, place=request.place, config_path=request.config_path, force=request.force)
        )
    except GenaiError as error:
        return Ended.badly(error)
    except Exception as error:  # noqa: BLE001 whatever a step raises is told to whoever waits for it
        traceback.print_exc()
        problem = f"it raised {type(error).__name__}: {error}"
        return Ended.badly(JobFailedError(request.name, request.fingerprint[:12], problem, "Read the task's log"))


def _other_code(request: JobRequest, found: str, back_end: str) -> GenaiError:
    if back_end == "kubernetes":
        return ConfigurationError(
            "GENAI_KUBERNETES_IMAGE",
            found[:12],
            f"its code, libraries or settings are not those of Airflow, which asked for {request.fingerprint[:12]}",
            "Build the image and Airflow's from the same commit",
        )
    return ChangedMeanwhileError(request.name, found[:12], "what decides its result changed meanwhile", "Run it again")


def _attend(child: int, output: Output, result: int, courier: Courier) -> Ended:
    """Send the child's lines until it has ended, or has to; then end all that is left of it."""
    status = None
    while status is None and not _asked and not courier.verdict:
        output.wait(POLL_SECONDS)
        status = _reaped(child)
    why = courier.verdict or "it was told to end"
    if status is None:
        courier.add(f"the job ends: {why}")
    end_descendants(END_SECONDS)
    output.drain()
    if status is None:
        return Ended.badly(died(why))
    return _said(result) or Ended.badly(died(_how(status)))


def _reaped(child: int) -> int | None:
    """The child's status once it has ended; orphans that ended are collected too."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status
            if pid == 0:
                break
    return None


def _said(result: int) -> Ended | None:
    os.lseek(result, 0, os.SEEK_SET)
    with os.fdopen(result, "rb") as file:
        data = file.read()
    return read_ended(data) if data else None


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        memory = ": out of memory?" if name == "SIGKILL" else ""
        return f"its process ended by {name}{memory}"
    return f"its process ended with status {os.WEXITSTATUS(status)}"


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value)


if __name__ == "__main__":
    sys.exit(main())
