"""A circuit breaker: a model on a server that fails gets no requests until it has answered a probe."""

from typing import Literal

FAILURES = 3  # in a row
SHORTEST, LONGEST = 0.5, 8.0


class Breaker:
    """Closed, open for a pause that doubles from failed probe to failed probe, or half open: due for a probe."""

    def __init__(self) -> None:
        self.failures = 0
        self.pause = SHORTEST
        self.opened_at: float | None = None

    def state(self, moment: float) -> Literal["closed", "open", "half_open"]:
        """The state at `moment`, in seconds of any steady clock."""
        if self.opened_at is None:
            return "closed"
        return "open" if moment < self.opened_at + self.pause else "half_open"

    def fail(self, moment: float, *, dead: bool = False, probe: bool = False) -> None:
        """Count a failure; `dead` opens at once. What began before it opened says nothing new: only probes count."""
        self.failures += 1
        if self.opened_at is not None:
            if not probe:
                return
            self.pause = min(LONGEST, self.pause * 2)
            self.opened_at = moment
        elif dead or self.failures >= FAILURES:
            self.opened_at = moment

    def succeed(self, *, probe: bool = False) -> None:
        """An answer ends a row of failures; once it is open, only a probe's closes it."""
        if self.opened_at is not None and not probe:
            return
        self.failures, self.pause, self.opened_at = 0, SHORTEST, None
