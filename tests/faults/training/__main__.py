"""Kill ranks, launchers and owners of training jobs at random moments, then compare losses and batches."""

import argparse
import json
import math
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from include.core.settings import settings
from tests.conftest import ObjectStoreServer
from tests.faults.training.storm import Ended, Storm
from tests.faults.training.subjects import SUBJECTS, Subject

# of losses where ranks that died twice in a row did not come back
NEAR = 1e-3
SAVES_APART = 5.0


class Faults:
    """All storms of one run, and what they found."""

    def __init__(self, server: ObjectStoreServer, folder: Path, seed: int) -> None:
        self.store, self.folder, self.random = server.store(), folder, random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.found: Counter[str] = Counter(jobs=0, fewer=0, differing=0, reordered=0, left=0)

    def storms(self, subject: Subject, kills: int) -> None:
        """Jobs of one subject until `kills` processes have been killed, each compared with an undisturbed one."""
        undisturbed = self.run(subject, f"{subject.name}-undisturbed", 0)
        done = 0
        while done < kills:
            before = self.killed.total()
            self.compare(subject, undisturbed, self.run(subject, f"{subject.name}-{self.found['jobs']}", kills - done))
            done += self.killed.total() - before
            print(f"{subject.name}: {done} of {kills} kills: {dict(self.killed)} {dict(self.found)}", file=sys.stderr)

    def goodput(self, subject: Subject, failures: int) -> dict[str, Any]:
        """Useful over all steps with a failure a minute, and what the interval of checkpoints allows."""
        pilot = self.run(subject, f"{subject.name}-pilot", 0)
        save_every = max(1, round(SAVES_APART / pilot.step_seconds))
        steps = max(subject.steps, round(60 * failures / pilot.step_seconds))
        longer = subject._replace(steps=steps, save_every=save_every)
        before = self.killed.total()
        ended = self.run(longer, f"{subject.name}-goodput", failures, every=60.0)
        happened = self.killed.total() - before
        return {
            "failures": happened,
            "goodput": round(steps / ended.computed, 4),
            # a failure costs half an interval on average
            "goodput_bound": round(steps / (steps + happened * save_every / 2), 4),
            "steps": steps,
            "save_every": save_every,
            "training_share": round(steps * pilot.step_seconds / ended.seconds, 4),
        }

    def run(self, subject: Subject, name: str, kills: int, every: float | None = None) -> Ended:
        """One job."""
        storm = Storm(self.store, subject, name, self.folder, self.random.randrange(1 << 32))
        ended = storm.run(kills, every)
        self.killed += storm.killed
        self.found["jobs"] += 1
        self.found["left"] += len(storm.problems)
        for problem in storm.problems:
            print(problem, file=sys.stderr)
        return ended

    def compare(self, subject: Subject, undisturbed: Ended, ended: Ended) -> None:
        """Equal losses, to the bit as long as no rank was given up, and equal batches."""
        largest = max(abs(a - b) for a, b in zip(undisturbed.losses, ended.losses, strict=True))
        self.found["fewer"] += ended.fewer
        allowed = 0 if not ended.fewer else math.inf if subject.sampled else NEAR
        if largest > allowed:
            self.found["differing"] += 1
            print(f"{subject.name}: losses differ by {largest}, {allowed} allowed", file=sys.stderr)
        self.found["reordered"] += undisturbed.reads != ended.reads


def main() -> int:
    """Run, print progress and one line of JSON; 1 where anything is wrong."""
    arguments = _arguments()
    started = time.monotonic()
    subjects = [subject for subject in SUBJECTS if subject.name in (arguments.subject or [subject.name])]
    with tempfile.TemporaryDirectory(prefix="faults-training-") as folder:
        os.environ["GENAI_STATE_FOLDER"] = str(Path(folder) / "state")
        settings.cache_clear()
        server = ObjectStoreServer(Path(folder))
        server.start()
        try:
            faults = Faults(server, Path(folder), arguments.seed)
            for subject in subjects:
                faults.storms(subject, -(-arguments.kills // len(subjects)))
            goodput = faults.goodput(subjects[0], arguments.failures) if arguments.failures else {}
        finally:
            server.kill()
    wrong = any(faults.found[name] for name in ("differing", "reordered", "left"))
    result = {
        "faults": "training",
        "seed": arguments.seed,
        "subjects": [subject.name for subject in subjects],
        "kills": faults.killed.total(),
        "killed": dict(faults.killed),
        **faults.found,
        **goodput,
        "seconds": round(time.monotonic() - started, 1),
        "load": round(os.getloadavg()[0], 2),
        "passed": not wrong,
    }
    print(json.dumps(result))
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.faults.training", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="processes to kill, over all subjects")
    parser.add_argument("--failures", type=int, default=4, help="minutes of training with a failure each; 0: none")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    names = [subject.name for subject in SUBJECTS]
    parser.add_argument("--subject", choices=names, action="append", help="all of them, unless named")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
