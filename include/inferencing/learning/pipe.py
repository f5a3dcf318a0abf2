"""The process that scrubs and stores, as a gateway has it: started by need, restarted where it dies."""

import asyncio
import logging
import sys
import time
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import suppress

from pydantic import ValidationError

from include.core.settings import PROJECT_ROOT
from include.inferencing.learning.turns import Turns
from include.inferencing.learning.worker import Done, Job

LOG = logging.getLogger("genai.inferencing.learning.pipe")
WAITING, HANDED_OVER = 256, 32  # jobs: in the queue, and not scrubbed yet in the process
# without a word from a process with work: until its first, which waits for what it loads, and after it
START_SECONDS, STALL_SECONDS = 90.0, 30.0
STOP_SECONDS = 15.0
RESTART_SECONDS = 1.0
LINE = 1 << 20  # bytes


class WorkerPipe:
    """Jobs wait in a queue, are handed over a few at a time, and stay known until they are done.

    What was not scrubbed when the process died is handed over one at a time; what ends the process alone is given up.
    """

    def __init__(self, gateway: str, counts: Counter[str], command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-m", "include.inferencing.learning.worker", gateway)
        self._counts = counts
        self._queue = Turns(WAITING)
        self._open: dict[int, Job] = {}
        self._unscrubbed: set[int] = set()
        self._suspects: deque[Job] = deque()
        self._alone: set[int] = set()
        self._ended: Counter[int] = Counter()
        self._heard = time.monotonic()
        self._answers: dict[int, asyncio.Future[bool]] = {}
        self._room = asyncio.Event()
        self._wanted = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._stopping = False
        self.process: asyncio.subprocess.Process | None = None

    def wake(self) -> None:
        """Have the process running, soon."""
        self._wanted.set()
        if (self._running is None or self._running.done()) and not self._stopping:
            self._running = asyncio.create_task(self._run(), name="what runs the scrubber")
            self._running.add_done_callback(_tell_end)

    def offer(self, job: Job) -> bool:
        """Queue a job; False where there is no room for it. What goes is counted."""
        self.wake()
        gone = self._queue.put(job)
        if gone:
            self._lose([gone.number], "queue full")
        return gone is not job

    async def hand_over(self, job: Job, seconds: float) -> bool:
        """Queue a job and wait until it is stored; False where it was not within so many seconds."""
        answer = asyncio.get_running_loop().create_future()
        self._answers[job.number] = answer
        try:
            return self.offer(job) and await asyncio.wait_for(answer, seconds)
        except TimeoutError:
            return False
        finally:
            self._answers.pop(job.number, None)

    async def stop(self) -> None:
        """Hand over what waits, let it be stored, and end the process."""
        self._stopping = True
        if self._running is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                while self.process and self._has_work():
                    # no more input: the process stores what it has read
                    if not self._queue and not self._suspects and self.process.stdin:
                        self.process.stdin.close()
                    await asyncio.sleep(0.05)
        self._running.cancel()
        await asyncio.wait([self._running])
        self._recover()
        self._lose([job.number for job in self._suspects], "gateway stopped")

    def _has_work(self) -> bool:
        return bool(self._open or self._suspects or self._queue)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                await self._serve()
            except OSError as error:
                LOG.warning("the scrubber does not start: %s", error)
            self._recover()
            self._wanted.clear()
            if self._has_work():
                self._counts["restarted"] += 1
                self._wanted.set()
                await asyncio.sleep(RESTART_SECONDS)

    async def _serve(self) -> None:
        """Start the process, and feed it until it ends, is silent over its work, or says what it should not."""
        self.process = process = await asyncio.create_subprocess_exec(
            *self._command, cwd=PROJECT_ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE
        )
        feeding = asyncio.create_task(self._feed(process), name="what feeds the scrubber")
        feeding.add_done_callback(lambda task: _end(process) if _tell_end(task) else None)
        try:
            async for line in self._lines(process):
                self._done(Done.model_validate_json(line))
        except ValidationError:
            # what it says may be somebody's text
            LOG.warning("the scrubber says what is no outcome, and is ended")
        except (TimeoutError, ValueError) as error:
            LOG.warning("the scrubber is ended: %s", type(error).__name__)
        finally:
            feeding.cancel()
            _end(process)
            await process.wait()
            LOG.info("the scrubber ended (%s)", process.returncode)
            self.process = None

    async def _lines(self, process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
        """What the process says; TimeoutError where it is silent for too long over what it was given."""
        assert process.stdout
        limit, self._heard = START_SECONDS, time.monotonic()
        while True:
            try:
                line = await asyncio.wait_for(process.stdout.readline(), 1.0)
            except TimeoutError:
                if self._unscrubbed and time.monotonic() - self._heard > limit:
                    raise
                continue
            if not line:
                return
            limit, self._heard = STALL_SECONDS, time.monotonic()
            yield line

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        with suppress(ConnectionError):
            while True:
                await self._until_room()
                if self._suspects:
                    job = self._suspects.popleft()
                    self._alone.add(job.number)
                else:
                    job = await self._queue.get()
                if not self._unscrubbed:
                    self._heard = time.monotonic()
                self._open[job.number] = job
                self._unscrubbed.add(job.number)
                process.stdin.write(job.model_dump_json().encode() + b"\n")
                await process.stdin.drain()

    async def _until_room(self) -> None:
        while len(self._unscrubbed) >= (1 if self._suspects or self._unscrubbed & self._alone else HANDED_OVER):
            self._room.clear()
            await self._room.wait()

    def _done(self, done: Done) -> None:
        self._unscrubbed.discard(done.number)
        self._room.set()
        if done.outcome != "scrubbed" and done.number in self._open:
            self._forget(done.number)
            self._counts["stored" if done.outcome == "stored" else "dropped: not stored"] += 1
            self._answer(done.number, stored=done.outcome == "stored")

    def _recover(self) -> None:
        """What the process had when it ended is handed over again, but for what has ended it alone, or twice stored."""
        if not self._unscrubbed:
            self._ended.update(self._open.keys())
        killers = self._unscrubbed if len(self._unscrubbed) == 1 and self._unscrubbed <= self._alone else set()
        self._lose([*killers, *(number for number, times in self._ended.items() if times > 1)], "scrubber ended twice")
        self._suspects.extendleft(reversed(self._open.values()))
        self._open.clear()
        self._unscrubbed.clear()

    def _forget(self, number: int) -> None:
        self._open.pop(number, None)
        self._alone.discard(number)
        self._unscrubbed.discard(number)
        self._ended.pop(number, None)

    def _lose(self, numbers: list[int], reason: str) -> None:
        for number in numbers:
            self._forget(number)
            self._counts[f"dropped: {reason}"] += 1
            self._answer(number, stored=False)

    def _answer(self, number: int, *, stored: bool) -> None:
        answer = self._answers.get(number)
        if answer and not answer.done():
            answer.set_result(stored)


def _tell_end(task: asyncio.Task[None]) -> bool:
    """Whether a task that goes on for ever ended by an error, which nobody would hear of; its words may be a text."""
    error = None if task.cancelled() else task.exception()
    if error:
        LOG.error("%s ended, and is begun again: %s", task.get_name(), type(error).__name__)
    return error is not None


def _end(process: asyncio.subprocess.Process) -> None:
    """End it: what it had is handed over again."""
    if process.returncode is None:
        process.kill()
