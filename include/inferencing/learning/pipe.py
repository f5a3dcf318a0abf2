"""The process that scrubs and stores, as a gateway has it: started by need, restarted where it dies."""

import asyncio
import logging
import sys
from collections import Counter, OrderedDict
from contextlib import suppress

from include.core.settings import PROJECT_ROOT
from include.inferencing.learning.worker import Done, Job

LOG = logging.getLogger("genai.inferencing.learning.pipe")
WAITING, HANDED_OVER = 256, 256  # jobs
STOP_SECONDS = 15.0
RESTART_SECONDS = 1.0
LINE = 1 << 20  # bytes


class WorkerPipe:
    """Jobs wait in a queue, are handed over a few at a time, and stay known until they are done."""

    def __init__(self, gateway: str, counts: Counter[str], command: tuple[str, ...] = ()) -> None:
        self._command = command or (sys.executable, "-m", "include.inferencing.learning.worker", gateway)
        self._counts = counts
        self._queue: asyncio.Queue[Job] = asyncio.Queue(WAITING)
        self._open: OrderedDict[int, Job] = OrderedDict()
        self._again: set[int] = set()
        self._answers: dict[int, asyncio.Future[bool]] = {}
        self._room = asyncio.Event()
        self._wanted = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._stopping = False
        self.process: asyncio.subprocess.Process | None = None

    def wake(self) -> None:
        """Have the process running, soon."""
        self._wanted.set()
        if self._running is None and not self._stopping:
            self._running = asyncio.create_task(self._run())

    def offer(self, job: Job) -> bool:
        """Queue a job; False, and counted, where there is no room."""
        self.wake()
        try:
            self._queue.put_nowait(job)
        except asyncio.QueueFull:
            self._counts["dropped: queue full"] += 1
            return False
        return True

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
                while self.process and (self._open or not self._queue.empty()):
                    # no more input: the process stores what it has read
                    if self._queue.empty() and self.process.stdin:
                        self.process.stdin.close()
                    await asyncio.sleep(0.05)
        self._running.cancel()
        with suppress(asyncio.CancelledError):
            await self._running
        self._lose(list(self._open), "gateway stopped")

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            try:
                await self._serve()
            except OSError as error:
                LOG.warning("the scrubber does not start: %s", error)
            self._recover()
            self._wanted.clear()
            if self._open or not self._queue.empty():
                self._wanted.set()
                await asyncio.sleep(RESTART_SECONDS)

    async def _serve(self) -> None:
        """Start the process, and feed it until it ends."""
        self.process = process = await asyncio.create_subprocess_exec(
            *self._command, cwd=PROJECT_ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE
        )
        feeding = asyncio.create_task(self._feed(process))
        try:
            assert process.stdout
            async for line in process.stdout:
                self._done(Done.model_validate_json(line))
            LOG.info("the scrubber ended (%s)", await process.wait())
        finally:
            feeding.cancel()
            if process.returncode is None:
                process.kill()
                await process.wait()
            self.process = None

    async def _feed(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        with suppress(ConnectionError):
            for job in list(self._open.values()):
                process.stdin.write(job.model_dump_json().encode() + b"\n")
            while True:
                await process.stdin.drain()
                job = await self._queue.get()
                self._open[job.number] = job
                process.stdin.write(job.model_dump_json().encode() + b"\n")
                while len(self._open) >= HANDED_OVER:
                    self._room.clear()
                    await self._room.wait()

    def _done(self, done: Done) -> None:
        job = self._open.pop(done.number, None)
        self._again.discard(done.number)
        self._room.set()
        if job:
            self._counts["stored" if done.outcome == "stored" else "dropped: not stored"] += 1
            self._answer(done.number, stored=done.outcome == "stored")

    def _recover(self) -> None:
        """What the process had when it ended is handed over once more: it may be what ended it."""
        self._lose([number for number in self._open if number in self._again], "scrubber ended twice")
        self._again.update(self._open)

    def _lose(self, numbers: list[int], reason: str) -> None:
        for number in numbers:
            self._open.pop(number, None)
            self._again.discard(number)
            self._counts[f"dropped: {reason}"] += 1
            self._answer(number, stored=False)

    def _answer(self, number: int, *, stored: bool) -> None:
        answer = self._answers.get(number)
        if answer and not answer.done():
            answer.set_result(stored)
