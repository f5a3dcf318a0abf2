"""What counts against a model: its own failures, never a deadline that a client chose too short."""

from datetime import UTC, datetime

import pytest

from include.inferencing.access.tenants import Tenant
from include.inferencing.gateway.call import Call
from include.inferencing.gateway.errors import ApiError
from include.inferencing.gateway.question import Question
from include.inferencing.gateway.tally import Tally
from include.inferencing.operations.burn import answered, in_time
from include.inferencing.operations.spans import Span
from include.inferencing.rollout.decide import Observed

NOW = datetime.now(UTC)
WORDS = "The answer was not complete before its deadline."


def ended(tally: Tally, seconds: float, *, sent: int, model: str = "m-1") -> None:
    """Count a request that failed after a minute, with status `sent`."""
    call = Call(Question("m", chat=True), "t", "k", Tenant(models=("*",)), "m", "", seconds, "id", usual=60)
    call.arrived, call.triton_model = call.arrived - 61, model
    call.fail(ApiError(504, WORDS, code="deadline_exceeded"))
    call.status = sent
    tally.ended(call)


@pytest.mark.parametrize(("seconds", "bad"), [(0.5, 0), (59, 0), (60, 3), (600, 3)])
def test_a_deadline_that_the_client_chose_too_short_is_given_up(seconds: float, bad: int) -> None:
    tally = Tally("g")
    for sent, model in ((504, "m-1"), (200, "m-1"), (503, "")):
        ended(tally, seconds, sent=sent, model=model)
    minute = tally.minute
    traffic, span = minute.models["m-1"], Span(at=NOW.isoformat(), seconds=60)
    span.models, span.refused = minute.models, dict(minute.refused)
    budget = answered([span], NOW, 0.995).counts["1 h"]
    assert (traffic.failed, traffic.cancelled) == ((2, 0) if bad else (0, 2))
    assert (budget.total, budget.bad) == (bad, bad)
    assert Observed.of(traffic).requests == (2 if bad else 0)
    # who waited longer than the charter's latency before giving up was still too late
    assert in_time([span], NOW, 0.95, 30).counts["1 h"].bad == pytest.approx(0 if bad else 2)
