"""One request on its way through a gateway."""

import time
from dataclasses import dataclass, field

from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.question import Question

CANCELLED = 499


@dataclass
class Call:
    """Who asks what, until when, and what became of it. Moments are of `time.monotonic`, durations in seconds."""

    question: Question
    tenant: str
    key: str
    access: Tenant
    use_case: str
    adapter: str
    seconds: float
    id: str
    usual: float = 0.0
    """Seconds that it would have, had its client asked for none."""
    arrived: float = field(default_factory=time.monotonic)
    queued: float = 0.0
    triton_model: str = ""
    server: str = ""
    blamed: list[str] = field(default_factory=list)
    """Models whose attempts were given up before anything was sent, by their own fault."""
    refused_by: list[str] = field(default_factory=list)
    """Candidates that called the request wrong, before the champion was asked."""
    retried: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    text: list[str] = field(default_factory=list)
    first_token: float | None = None
    last_token: float = 0.0
    gaps: list[tuple[float, int]] = field(default_factory=list)
    finish_reason: str = ""
    status: int = 0
    error: str = ""
    given_up: bool = False
    """Whether it ended by a deadline that its client chose, shorter than the usual one."""

    @property
    def counts_as(self) -> int:
        """The status that it counts with: whose own deadline was too short gave its answer up, as who leaves."""
        return CANCELLED if self.given_up else self.status

    def fail(self, error: ApiError) -> None:
        """Note what ended it."""
        self.error = error.code or error.kind
        self.given_up |= self.seconds < self.usual and self.left <= 0

    @property
    def deadline(self) -> float:
        """When the answer has to be complete."""
        return self.arrived + self.seconds

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.deadline - time.monotonic()

    @property
    def usual_left(self) -> float:
        """Seconds until its usual deadline."""
        return self.left + self.usual - self.seconds

    @property
    def whole(self) -> float:
        """Seconds from its arrival to its last token."""
        return self.last_token - self.arrived

    def again(self) -> None:
        """Forget what an attempt has given: none of it was sent."""
        self.retried += 1
        self.first_token, self.finish_reason, self.completion_tokens = None, "", 0
        self.text.clear()
        self.gaps.clear()

    def token(self, tokens: int) -> None:
        """Note that tokens came."""
        moment = time.monotonic()
        if self.first_token is None:
            self.first_token = moment - self.arrived
        elif tokens:
            self.gaps.append(((moment - self.last_token) / tokens, tokens))
        self.last_token = moment
        self.completion_tokens += tokens
