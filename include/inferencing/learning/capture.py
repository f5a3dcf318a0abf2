"""A gateway's side of what is kept: offered exchanges are sampled and handed to a process that scrubs and stores them.

Nothing here waits for it: what does not fit into a bounded queue is dropped and counted. Texts as they are lie in this
process's memory and in the pipe to the other one, nowhere else.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from datetime import UTC, datetime

from include.artifacts.bucket import Bucket
from include.core.errors import GenaiError
from include.feedback.said import Said
from include.inferencing.learning.exchanges import Exchange, StoredExchange, tenant_digest
from include.inferencing.learning.ids import new_id
from include.inferencing.learning.pipe import WorkerPipe
from include.inferencing.learning.recent import RecentExchanges
from include.inferencing.learning.rules import CaptureRules, Rules, read_rules
from include.inferencing.learning.worker import Job

LOG = logging.getLogger("genai.inferencing.learning.capture")
LOOK_SECONDS = 5.0


class Capture:
    """What one gateway keeps. `counts`: offered, sampled, stored, and dropped with the reason, since its start."""

    def __init__(self, bucket: Bucket, gateway: str, key: bytes) -> None:
        self.bucket, self.key = bucket, key
        self.counts: Counter[str] = Counter()
        self.recent = RecentExchanges()
        self.rules = Rules()
        self._pipe = WorkerPipe(gateway, self.counts)
        self._looking: asyncio.Task[None] | None = None
        self._number = 0

    async def start(self) -> None:
        """Read the rules, and look at them again every few seconds."""
        await self._look()
        self._looking = asyncio.create_task(self._look_on())

    async def stop(self) -> None:
        """Let what was handed over be stored, for some seconds."""
        if self._looking:
            self._looking.cancel()
        await self._pipe.stop()

    def offer(self, exchange: Exchange) -> None:
        """Keep an exchange where tenant, request, rules and chance let it be kept; never waits, never fails."""
        self.counts["offered"] += 1
        rules = self.rules.use_cases.get(exchange.use_case)
        if not exchange.consented or rules is None:
            return
        if max(len(exchange.question), len(exchange.answer)) > rules.max_characters:
            self.counts["dropped: too long"] += 1
            return
        self.recent.add(exchange)
        # loaded before anybody says something of an answer
        self._pipe.wake()
        if _chance(exchange.id) < rules.sample:
            self.counts["sampled"] += 1
            self._pipe.offer(self._job(exchange.use_case, rules, exchange=self._stored(exchange)))

    def new_id(self, tenant: str, use_case: str, prefix: str) -> str:
        """What an answer is called: every gateway of the deployment can tell whose it is."""
        return new_id(self.key, tenant, use_case, prefix)

    async def say(self, use_case: str, rules: CaptureRules, said: Said, seconds: float) -> bool:
        """Store what was said, scrubbed; False where that was not done within so many seconds."""
        return await self._pipe.hand_over(self._job(use_case, rules, said=said), seconds)

    def digest_of(self, tenant: str) -> str:
        """What stands for a tenant in all that is stored."""
        return tenant_digest(self.key, tenant)

    def _stored(self, exchange: Exchange) -> StoredExchange:
        return StoredExchange(
            id=exchange.id,
            at=exchange.at or datetime.now(UTC).isoformat(),
            tenant=self.digest_of(exchange.tenant),
            model=exchange.model,
            triton_model=exchange.triton_model,
            question=exchange.question,
            answer=exchange.answer,
            finish_reason=exchange.finish_reason,
            turns=max(1, len(exchange.messages)),
            consent=exchange.consent,
        )

    def _job(
        self, use_case: str, rules: CaptureRules, exchange: StoredExchange | None = None, said: Said | None = None
    ) -> Job:
        self._number += 1
        return Job(
            number=self._number,
            use_case=use_case,
            hiding=rules.hiding,
            keep_days=rules.keep_days,
            exchange=exchange,
            said=said,
        )

    async def _look(self) -> None:
        try:
            self.rules, _ = await asyncio.to_thread(read_rules, self.bucket)
        except GenaiError as error:
            LOG.warning("what may be kept is not known anew: %s", error)

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()


def _chance(name: str) -> float:
    """A number in [0, 1) that belongs to an id."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
