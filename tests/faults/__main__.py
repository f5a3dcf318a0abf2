"""Kill writers, readers, sweepers and the store's server at random moments, then check every artifact."""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from include.artifacts import transfer
from include.core.settings import settings
from tests.conftest import ObjectStoreServer
from tests.faults import workers
from tests.faults.check import check
from tests.faults.harness import Harness
from tests.faults.workers import Scene

WRONG = ("torn", "lost", "differing", "left", "pending", "locks", "errors")
# S3's smallest part, so that a file of several blocks is written in a fraction of a second
BLOCK = 5 << 20


def main() -> int:
    """Run, print progress and one line of JSON; 1 where anything is wrong."""
    arguments = _arguments()
    started = time.monotonic()
    transfer.BLOCK = BLOCK
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        os.environ["GENAI_STATE_FOLDER"] = str(Path(folder) / "state")
        settings.cache_clear()
        server = ObjectStoreServer(Path(folder))
        server.start()
        try:
            scene = Scene(server.address(), timedelta(seconds=arguments.window), Path(folder))
            workers.fingerprint_of(scene.store(), "0")  # read the code once, not in each child
            harness = Harness(scene, server, arguments.seed, arguments.kills, arguments.server_kills)
            harness.storm(started + arguments.seconds, _progress(harness))
            harness.finish()
            found = check(scene, Path(folder) / "copies")
            for problem in scene.problems.read():
                print(problem, file=sys.stderr)
        finally:
            server.kill()
    passed = harness.done and not any(found[name] for name in WRONG)
    result = {
        "faults": "artifacts",
        "seed": arguments.seed,
        "kills": harness.killed.total(),
        "killed": dict(harness.killed),
        "ended": dict(harness.ended),
        **found,
        "seconds": round(time.monotonic() - started, 1),
        "load": round(os.getloadavg()[0], 2),
        "passed": passed,
    }
    print(json.dumps(result))
    return 0 if passed else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=2000, help="processes to kill")
    parser.add_argument("--server-kills", type=int, default=5, help="how often the server is among them, at least")
    parser.add_argument("--seconds", type=float, default=1800, help="fail where the kills take longer")
    parser.add_argument("--window", type=float, default=12, help="seconds after which uncommitted files are swept")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    return parser.parse_args()


def _progress(harness: Harness) -> Callable[[], None]:
    """A line each time a tenth of the kills is done."""
    shown = 0

    def show() -> None:
        nonlocal shown
        tenth = harness.killed.total() * 10 // harness.kills
        if tenth > shown:
            shown = tenth
            print(f"{harness.killed.total()} of {harness.kills} kills: {dict(harness.killed)}", file=sys.stderr)

    return show


if __name__ == "__main__":
    sys.exit(main())
