"""Workers and the server, started all the time and killed at random moments.

One process and no threads: children are forked from it, and a fork copies only the thread that forks.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tests.conftest import ObjectStoreServer
from tests.faults import workers
from tests.faults.workers import Scene

WORKERS = 6
NAMES = 3
# seconds: a worker that is to be killed lives up to this long, and what lives longer than a worker may hangs
LIFE = 0.4
LIMIT = 60.0
SERVER_LIVES = (2.0, 6.0)
SERVER_DOWN = 1.0
# share of the starts that give an artifact up half written, for the sweepers and for a writer long after
GIVEN_UP = 0.04


class Worker(NamedTuple):
    """A running child; it is killed at `deadline`."""

    kind: str
    name: str
    deadline: float


class Harness:
    """Kills at least `kills` processes of all kinds together, and the server `server_kills` times among them."""

    def __init__(self, scene: Scene, server: ObjectStoreServer, seed: int, kills: int, server_kills: int) -> None:
        self.scene, self.server, self.kills, self.server_kills = scene, server, kills, server_kills
        self.random = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.running: dict[int, Worker] = {}
        self.current = [str(number) for number in range(NAMES)]
        self.names = list(self.current)

    @property
    def done(self) -> bool:
        """Whether enough has been killed."""
        return self.killed.total() >= self.kills and self.killed["server"] >= self.server_kills

    def storm(self, until: float, progress: Callable[[], None]) -> None:
        """Start and kill until it is done, or the monotonic clock shows `until`."""
        server_moment, server_up = self._server_moment(), True
        while not self.done and time.monotonic() < until:
            while len(self.running) < WORKERS:
                self._start(*self._choose())
            self._await_child(min(server_moment, *(worker.deadline for worker in self.running.values())))
            self._reap()
            self._kill_due()
            if time.monotonic() > server_moment:
                if server_up:
                    self.server.kill()
                    self.killed["server"] += 1
                else:
                    self.server.launch()
                server_up = not server_up
                server_moment = self._server_moment() if server_up else time.monotonic() + SERVER_DOWN
            progress()
        if not server_up:
            self.server.launch()
        self.server.await_answer()

    def finish(self) -> None:
        """Let every worker end, then let a writer finish each artifact that was ever begun."""
        self._drain()
        for name in self.names:
            self._start("writer", name, False, LIMIT)
            while len(self.running) >= WORKERS:
                self._await_child(time.monotonic() + LIMIT)
                self._reap()
        self._drain()

    def _drain(self) -> None:
        while self.running:
            self._await_child(min(worker.deadline for worker in self.running.values()))
            self._reap()
            self._kill_due()

    def _server_moment(self) -> float:
        return time.monotonic() + self.random.uniform(*SERVER_LIVES)

    def _choose(self) -> tuple[str, str, bool, float]:
        """Kind, artifact, whether a writer is forced to write anew, and seconds to live."""
        (kind,) = self.random.choices(["writer", "reader", "sweeper"], [6, 2, 1])
        old = kind == "reader" or self.random.random() < 0.1
        if self.random.random() < GIVEN_UP:
            self._replace(self.random.choice(self.current))
        name = self.random.choice(self.names if old else self.current)
        life = self.random.uniform(0, LIFE) if self.random.random() < 0.75 else LIMIT
        return kind, name, old and self.random.random() < 0.5, life

    def _start(self, kind: str, name: str, force: bool, life: float) -> None:
        work = {
            "writer": partial(workers.write, self.scene, name, force),
            "reader": partial(workers.read, self.scene, name),
            "sweeper": partial(workers.clean, self.scene),
        }[kind]
        self.running[workers.start(self.scene, work)] = Worker(kind, name, time.monotonic() + life)

    def _await_child(self, moment: float) -> None:
        """Return when a child ends, at `moment` at the latest."""
        signal.sigtimedwait({signal.SIGCHLD}, max(0.0, moment - time.monotonic()))

    def _reap(self) -> None:
        for child in list(self.running):
            found, status = os.waitpid(child, os.WNOHANG)
            if found:
                self._ended(self.running.pop(child), os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        if code == -signal.SIGKILL:
            self.killed[worker.kind] += 1
        else:
            self.ended["unavailable" if code == 2 else worker.kind] += 1
        if worker.kind == "writer" and code == 0 and worker.name in self.current:
            self._replace(worker.name)

    def _replace(self, name: str) -> None:
        """Write another artifact from now on."""
        fresh = str(len(self.names))
        self.current[self.current.index(name)] = fresh
        self.names.append(fresh)

    def _kill_due(self) -> None:
        """Kill workers whose time is over; one that had a minute hangs."""
        now = time.monotonic()
        for child, worker in list(self.running.items()):
            if worker.deadline < now:
                os.kill(child, signal.SIGKILL)
                self._ended(self.running.pop(child), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
