"""Serving's control loop: `python -m include.inferencing.control [--beat FILE]`.

On every server: loads what the aliases name, loads again what does not answer, unloads what nothing names. For every
use case: takes up the rollouts that nobody drives any more, and takes out what has left. The age of a file
says that it goes on.
"""

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.settings import settings
from include.inferencing import fleet
from include.inferencing.champion import Alias
from include.inferencing.keeper import Keeper, Wanted
from include.inferencing.rollout import transitions
from include.inferencing.rollout.drive import Driver
from include.inferencing.rollout.leave import Departures, take_out
from include.inferencing.rollout.ownership import Watchman, new_owner

LOG = logging.getLogger("genai.inferencing.control")
LOOK_SECONDS = 1.0


class Control:
    """A thread a server, one a rollout that is taken over, one a use case from which models leave.

    `look` never waits for any of them.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self.store, self.wanted, self.watchman = store, Wanted(store), Watchman()
        self.keepers: dict[str, Keeper] = {}
        self.drivers: dict[str, threading.Thread] = {}
        self.leavers: dict[str, threading.Thread] = {}
        self.departures: dict[str, Departures] = {}
        self.trouble: dict[str, str] = {}

    def look(self) -> None:
        """One round over all use cases and servers; one in trouble does not keep the others waiting."""
        self.wanted.refresh()
        for use_case, alias in self.wanted.aliases.items():
            self._told(use_case, partial(self._attend, use_case, alias))
        found = fleet.addresses()
        for address in found:
            keeper = self.keepers.get(address)
            if keeper is not None and not keeper.is_alive:
                LOG.error("%s: its keeper ended by an error, see above, and begins anew", address)
            if keeper is None or not keeper.is_alive:
                self.keepers[address] = Keeper(self.store, address, self.wanted)
                self.keepers[address].start()
        for address in set(self.keepers) - set(found):
            self.keepers.pop(address).stop()

    def stop(self) -> None:
        """End the keepers; a rollout that is being driven is taken over by whoever comes next."""
        for keeper in self.keepers.values():
            keeper.stop()

    def _attend(self, use_case: str, alias: Alias) -> None:
        """Rollouts first: nothing that leaves may keep them waiting."""
        is_driven = _is_alive(self.drivers.get(use_case))
        if not is_driven and alias.rollout is not None and self.watchman.is_abandoned(alias.rollout):
            owner = new_owner()
            taken = transitions.take_over(self.store.bucket, alias.rollout, owner)
            if taken.rollout is not None and taken.rollout.owner == owner:
                LOG.warning("goes on with the rollout of %s", alias.rollout.candidate.model_name)
                self.drivers[use_case] = threading.Thread(target=self._drive, args=(use_case, owner), daemon=True)
                self.drivers[use_case].start()
        due = self.departures.setdefault(use_case, Departures()).due(alias.leaving)
        if due and not _is_alive(self.leavers.get(use_case)):
            names = [one.model_name for one in due]
            self.leavers[use_case] = threading.Thread(target=self._take_out, args=(use_case, names), daemon=True)
            self.leavers[use_case].start()

    def _take_out(self, use_case: str, names: list[str]) -> None:
        for name in names:
            self._told(f"{use_case}: {name} leaves", partial(take_out, self.store, use_case, name))

    def _drive(self, use_case: str, owner: str) -> None:
        try:
            alias = Driver(self.store, use_case, owner).drive()
            LOG.info("the rollout of %s is over: %s", use_case, alias.log[-1].what if alias.log else "")
        except GenaiError as error:
            LOG.warning("the rollout of %s stands still: %s", use_case, error)

    def _told(self, name: str, act: Callable[[], None]) -> None:
        """Do something; a trouble is told when it changes."""
        problem = ""
        try:
            act()
        except GenaiError as error:
            problem = str(error)
        if problem != self.trouble.get(name, ""):
            LOG.log(logging.WARNING if problem else logging.INFO, "%s: %s", name, problem or "all is well again")
        self.trouble[name] = problem


def _is_alive(thread: threading.Thread | None) -> bool:
    return thread is not None and thread.is_alive()


def main() -> None:
    """Look until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m include.inferencing.control")
    parser.add_argument("--beat", type=Path, help="file that is touched after each round")
    beat: Path | None = parser.parse_args().beat
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    control = Control(ArtifactStore(StoreAddress.of(settings())))
    LOG.info("serving on %s, pid %d", settings().triton_address, os.getpid())
    trouble = ""
    while True:
        problem = ""
        try:
            control.look()
        except GenaiError as error:
            problem = str(error)
        if problem != trouble:
            LOG.info("%s", problem or "the store answers again")
        trouble = problem
        if beat:
            beat.touch()
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main()
