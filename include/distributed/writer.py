"""What happens beside training: one thread a rank, and the place where the ranks' threads meet."""

import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from include.distributed.messages import error_of, told_error

# Ranks wait for one that loads or uploads as long as that takes: whether it does is what their owner watches, and it
# ends all of them where one is gone or nothing moves (supervise.py).
PATIENCE = timedelta(days=1)
_LOWER = 10


class Writer:
    """Does one piece of work at a time in a thread of low priority. What a piece raises, the next call raises."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "checkpoint", _lower_priority)
        self._work: Future[None] | None = None

    def begin(self, work: Callable[[], None]) -> None:
        """Begin `work`; the one before must have ended (`wait`)."""
        self._work = self._pool.submit(work)

    @property
    def busy(self) -> bool:
        """Whether the last piece goes on."""
        return self._work is not None and not self._work.done()

    def check(self) -> None:
        """Raise what the last piece raised, where it has ended."""
        if self._work and self._work.done():
            self.wait()

    def wait(self) -> None:
        """Return when the last piece has ended."""
        if work := self._work:
            self._work = None
            work.result()


def _lower_priority() -> None:
    # Linux counts by thread: training goes first where cores are few
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWER)


class Meeting:
    """Rank 0 hears what every rank has done, from any thread: no collective of torch runs beside training's."""

    def __init__(self, rank: int, ranks: int) -> None:
        import torch.distributed as dist

        self.rank, self.ranks = rank, ranks
        host = os.environ.get("MASTER_ADDR", "127.0.0.1")
        store = dist.TCPStore(host, 0, is_master=True, wait_for_workers=False, timeout=PATIENCE) if rank == 0 else None
        port: list[int] = [store.port if store else 0]
        dist.broadcast_object_list(port, src=0)
        self._store = store or dist.TCPStore(host, port[0], is_master=False, timeout=PATIENCE)

    def tell(self, subject: str, found: Any) -> None:
        """What this rank has to say to rank 0: JSON, or the error that it met."""
        told = {"error": told_error(found)} if isinstance(found, BaseException) else {"found": found}
        self._store.set(f"{subject}/{self.rank}", json.dumps(told, default=str))

    def hear(self, subject: str) -> list[Any]:
        """On rank 0: what each rank said. Raises the error that one of them met."""
        heard = []
        for rank in range(self.ranks):
            key = f"{subject}/{rank}"
            heard.append(json.loads(self._store.get(key)))
            self._store.delete_key(key)
        if failed := next((told["error"] for told in heard if "error" in told), None):
            raise error_of(failed)
        return [told["found"] for told in heard]
