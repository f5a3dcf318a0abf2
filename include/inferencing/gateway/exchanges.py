"""Where answers get their names, and are offered, once complete, to whoever samples them."""

import uuid
from datetime import UTC, datetime
from typing import Protocol

from include.inferencing.gateway.call import Call
from include.inferencing.learning.exchanges import Exchange


class Exchanges(Protocol):
    """Names answers and takes exchanges, at once and without failing: it is called on the event loop."""

    async def start(self) -> None:
        """The gateway begins."""

    async def stop(self) -> None:
        """The gateway ends."""

    def new_id(self, tenant: str, use_case: str, prefix: str) -> str:
        """A fresh id for an answer to `tenant`; it begins with `prefix`."""

    def offer(self, exchange: Exchange) -> None:
        """Take or leave an exchange; consent is the taker's to look at."""


class Nobody:
    """Leaves them all."""

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    def new_id(self, tenant: str, use_case: str, prefix: str) -> str:
        """A random id."""
        return f"{prefix}{uuid.uuid4().hex}"

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
