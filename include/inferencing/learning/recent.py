"""The last exchanges of a gateway, in memory only, so that feedback has its question: few, and for a limited time."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from include.inferencing.learning.exchanges import Exchange

MOST, CHARACTERS, SECONDS = 2_000, 8_000_000, 3_600.0


class RecentExchanges:
    """At most `most` exchanges with `characters` characters in all, none older than `seconds`; the oldest go first."""

    def __init__(
        self,
        most: int = MOST,
        characters: int = CHARACTERS,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most, self.characters, self.seconds, self._clock = most, characters, seconds, clock
        self._held: OrderedDict[str, tuple[float, int, Exchange]] = OrderedDict()
        self._size = 0

    def add(self, exchange: Exchange) -> None:
        """Hold one, its last question alone, and let go of what is too old or too much."""
        self.drop(exchange.id)
        exchange = replace(exchange, messages=[{"role": "user", "content": exchange.question}])
        size = len(exchange.question) + len(exchange.answer)
        self._held[exchange.id] = (self._clock(), size, exchange)
        self._size += size
        self._let_go()

    def get(self, name: str, tenant: str) -> Exchange | None:
        """The tenant's exchange of that id; None for another tenant's."""
        self._let_go()
        held = self._held.get(name)
        return held[2] if held and held[2].tenant == tenant else None

    def drop(self, name: str) -> None:
        """Forget one."""
        held = self._held.pop(name, None)
        self._size -= held[1] if held else 0

    def __len__(self) -> int:
        return len(self._held)

    def _let_go(self) -> None:
        oldest = self._clock() - self.seconds
        while self._held:
            name, (since, _, _) = next(iter(self._held.items()))
            if since > oldest and len(self._held) <= self.most and self._size <= self.characters:
                return
            self.drop(name)
