"""Where complete answers are offered to whoever samples them."""

from datetime import UTC, datetime
from typing import Protocol

from include.inferencing.gateway.call import Call
from include.inferencing.learning.exchanges import Exchange


class Exchanges(Protocol):
    """Takes exchanges, at once and without failing: it is called on the event loop."""

    def offer(self, exchange: Exchange) -> None:
        """Take or leave an exchange; consent is the taker's to look at."""


class Nobody:
    """Leaves them all."""

    def offer(self, exchange: Exchange) -> None:
        """Leave it."""


def exchange_of(call: Call) -> Exchange:
    """A call whose answer is complete."""
    question = call.question
    return Exchange(
        id=call.id,
        tenant=call.tenant,
        consent=call.access.consent,
        use_case=call.use_case,
        model=question.model,
        triton_model=call.triton_model,
        messages=question.messages or [{"role": "user", "content": question.prompt}],
        answer="".join(call.text),
        finish_reason=call.finish_reason,
        store=question.store,
        at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
