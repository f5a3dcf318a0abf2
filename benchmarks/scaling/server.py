"""A server with continuous batching: all its answers go on at once, each a token a step, slower the more there are."""

import heapq

from include.inferencing.scaling.capacity import Capacity


class Server:
    """Simulated. Progress is counted in steps: an answer is over when the server has made so many more."""

    def __init__(self, number: int, ready_at: float, truth: Capacity) -> None:
        self.number, self.ready_at, self.truth = number, ready_at, truth
        self.started: float = 0.0
        self.alive, self.leaving = True, False
        self.steps, self.at = 0.0, ready_at
        self.heap: list[tuple[float, int, bool]] = []
        self.answers: dict[int, bool] = {}  # whether its first token came
        self.prompt_steps = truth.prompt / truth.step(1)

    def ready(self, now: float) -> bool:
        """Whether requests may be sent to it."""
        return self.alive and not self.leaving and self.ready_at <= now

    @property
    def next_at(self) -> float:
        """When the next answer gets its first token or ends."""
        if not self.heap:
            return float("inf")
        return self.at + max(0.0, self.heap[0][0] - self.steps) * self.truth.step(len(self.answers))

    def advance(self, now: float) -> None:
        """Make the steps up to `now`."""
        if self.answers and now > self.at:
            self.steps += (now - self.at) / self.truth.step(len(self.answers))
        self.at = max(now, self.at)

    def admit(self, now: float, request: int, tokens: float) -> None:
        """Begin an answer."""
        self.advance(now)
        first = self.steps + self.prompt_steps + 1
        heapq.heappush(self.heap, (first, request, True))
        heapq.heappush(self.heap, (first + tokens - 1, request, False))
        self.answers[request] = False

    def pop(self, now: float) -> tuple[int, bool]:
        """What happens at `next_at`: the request, and whether it is its first token."""
        steps, request, first = heapq.heappop(self.heap)
        self.at, self.steps = max(self.at, now), max(self.steps, steps)
        if first:
            self.answers[request] = True
        else:
            del self.answers[request]
        return request, first
