"""Jobs that wait for the scrubber: tenants take turns, and who has most waiting loses one for want of room."""

import asyncio
from collections import OrderedDict, deque

from include.inferencing.learning.worker import Job


class Turns:
    """At most `most` jobs, each tenant's in order."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def put(self, job: Job) -> Job | None:
        """Let a job wait; the job that goes instead, where there is no room: the last of the tenant with most."""
        self._waiting.setdefault(job.tenant, deque()).append(job)
        self._some.set()
        if len(self) <= self.most:
            return None
        most = max(self._waiting, key=lambda tenant: len(self._waiting[tenant]))
        gone = self._waiting[most].pop()
        if not self._waiting[most]:
            del self._waiting[most]
        return gone

    async def get(self) -> Job:
        """The next job, when there is one."""
        while not self._waiting:
            self._some.clear()
            await self._some.wait()
        tenant, mine = self._waiting.popitem(last=False)
        job = mine.popleft()
        if mine:
            self._waiting[tenant] = mine
        return job
