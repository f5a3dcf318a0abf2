"""Gateway, servers and a policy over simulated time, event by event; what it decides by is what gateways write."""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from benchmarks.scaling.load import Request, Scenario
from benchmarks.scaling.server import Server
from include.inferencing.scaling.capacity import Capacity
from include.inferencing.traffic import Minute, ModelTraffic, minute_of

START = datetime(2026, 3, 3, tzinfo=UTC)
MODEL = "model"
TICK_SECONDS = 15.0


@dataclass(frozen=True)
class View:
    """What a policy may know at `now`: gateways' minutes, when they wrote last, servers by state, answers under way."""

    now: float
    minutes: Sequence[Minute]
    written: float
    wanted: int
    failed: int
    ready: int
    under_way: int


class Policy(Protocol):
    """Wants a number of servers."""

    name: str

    def tick(self, view: View) -> int:
        """Servers wanted from now on."""
        ...


@dataclass
class Outcome:
    """What came of it: each answer's seconds to first token and whole, None where it failed; servers over time."""

    first: list[float | None]
    whole: list[float | None]
    server_seconds: float = 0.0
    wanted: list[tuple[float, int]] = field(default_factory=list)
    ready: list[tuple[float, int]] = field(default_factory=list)

    def share_within(self, latency: float, first_token: float | None) -> float:
        """Of all answers, those whose first token and end came within so many seconds."""
        most = float("inf") if first_token is None else first_token
        times = zip(self.first, self.whole, strict=True)
        good = sum(1 for first, whole in times if whole is not None and whole <= latency and (first or 0.0) <= most)
        return good / max(1, len(self.whole))


class Simulation:
    """One run of a scenario under a policy."""

    def __init__(
        self, scenario: Scenario, policy: Policy, truth: Capacity, seed: int, boot: float = 60.0, servers: int = 1
    ) -> None:
        self.scenario, self.policy, self.truth, self.boot = scenario, policy, truth, boot
        self.draw = random.Random(seed)  # noqa: S311
        self.requests: list[Request] = scenario.requests(seed)
        self.outcome = Outcome([None] * len(self.requests), [None] * len(self.requests))
        self.servers = [Server(number, 0.0, truth) for number in range(servers)]
        self.numbers, self.wanted, self.failed = servers, servers, 0
        self.waiting: deque[int] = deque()
        self.admitted: dict[int, float] = {}
        self.minutes: dict[int, Minute] = {}
        self.restarts: list[float] = []
        self.shown: tuple[list[Minute], float] = ([], 0.0)

    def run(self) -> Outcome:
        """Simulate to the end of the last answer."""
        kills = [trouble.at for trouble in self.scenario.troubles if trouble.kind == "kill"]
        arrived, tick = 0, 0.0
        while arrived < len(self.requests) or self.waiting or any(server.answers for server in self.servers):
            soonest = min(self.servers, key=lambda server: server.next_at, default=None)
            events = [
                (self.requests[arrived].at if arrived < len(self.requests) else float("inf"), 0),
                (soonest.next_at if soonest else float("inf"), 1),
                (tick, 2),
                (kills[0] if kills else float("inf"), 3),
            ]
            now, kind = min(events)
            if kind == 0:
                self._minute(now).arrived += 1
                self.waiting.append(arrived)
                arrived += 1
            elif kind == 1 and soonest:
                self._progress(soonest, now)
            elif kind == 2:
                self._tick(now)
                tick += TICK_SECONDS
            else:
                self._kill(now, kills.pop(0))
            self._send(now)
        self._pay(now)
        return self.outcome

    def _send(self, now: float) -> None:
        """Requests go to the server with the fewest answers; where all are full they wait in the gateway."""
        while self.waiting:
            free = [s for s in self.servers if s.ready(now) and len(s.answers) < self.truth.most_streams]
            if not free:
                break
            request = self.waiting.popleft()
            self.admitted[request] = now
            min(free, key=lambda server: len(server.answers)).admit(now, request, self.requests[request].tokens)
        if self.waiting:
            minute = self._minute(now)
            minute.waiting = max(minute.waiting, len(self.waiting))

    def _progress(self, server: Server, now: float) -> None:
        request, is_first = server.pop(now)
        asked, tokens = self.requests[request]
        if is_first:
            self.outcome.first[request] = now - asked
            return
        self.outcome.whole[request] = now - asked
        traffic = self._minute(now).models.setdefault(MODEL, ModelTraffic())
        first = self.outcome.first[request] or 0.0
        traffic.requests += 1
        traffic.completion_tokens += round(tokens)
        traffic.queue.add(self.admitted[request] - asked)
        traffic.first_token.add(first)
        traffic.whole.add(now - asked)
        traffic.token_gap.add((now - asked - first) / max(1.0, tokens - 1), round(tokens))

    def _kill(self, now: float, _: float) -> None:
        """The busiest server dies: answers begun are lost, others go to another server; it is started again."""
        alive = [server for server in self.servers if server.ready(now)]
        if not alive:
            return
        dead = max(alive, key=lambda server: len(server.answers))
        for request, begun in dead.answers.items():
            if not begun:
                self.waiting.appendleft(request)
        self.outcome.server_seconds += now - dead.started
        self.servers.remove(dead)
        self.failed += 1
        self.restarts.append(now + self._boot_seconds(now))

    def _boot_seconds(self, now: float) -> float:
        slow = [t.factor for t in self.scenario.troubles if t.kind == "slow" and t.at <= now < t.until]
        return self.boot * self.draw.uniform(0.8, 1.2) * (slow[0] if slow else 1.0)

    def _tick(self, now: float) -> None:
        for ready_at in [at for at in self.restarts if at <= now]:
            self.restarts.remove(ready_at)
            self.failed -= 1
            self._add(now, ready_at, started=now)
        stale = any(t.kind == "stale" and t.at <= now < t.until for t in self.scenario.troubles)
        if not stale:
            self.shown = (list(self.minutes.values())[-70:], now)
        self.wanted = self.policy.tick(self._view(now))
        staying = [server for server in self.servers if not server.leaving]
        for _ in range(self.wanted - len(staying) - self.failed):
            self._add(now, now + self._boot_seconds(now), started=now)
        for server in staying[::-1][: max(0, len(staying) + self.failed - self.wanted)]:
            server.leaving = True
        for server in [s for s in self.servers if s.leaving and not s.answers]:
            self.servers.remove(server)
            self.outcome.server_seconds += now - server.started
        self.outcome.wanted.append((now, self.wanted))
        self.outcome.ready.append((now, sum(server.ready(now) for server in self.servers)))

    def _view(self, now: float) -> View:
        ready = sum(server.ready(now) for server in self.servers)
        under_way = len(self.waiting) + sum(len(server.answers) for server in self.servers)
        return View(now, self.shown[0], self.shown[1], self.wanted, self.failed, ready, under_way)

    def _add(self, now: float, ready_at: float, started: float) -> None:
        server = Server(self.numbers, max(now, ready_at), self.truth)
        server.started = started
        self.numbers += 1
        self.servers.append(server)

    def _minute(self, now: float) -> Minute:
        place = int(now // 60)
        if place not in self.minutes:
            self.minutes[place] = Minute(at=minute_of(START + timedelta(seconds=now)))
        return self.minutes[place]

    def _pay(self, now: float) -> None:
        self.outcome.server_seconds += sum(now - server.started for server in self.servers)
