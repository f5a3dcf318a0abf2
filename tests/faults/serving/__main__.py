"""Roll packages out under traffic, kill what serves at random moments, then check what clients were told."""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from include.core.settings import PROJECT_ROOT, settings
from tests.conftest import ObjectStoreServer
from tests.faults.serving.history import Request, p99, problems
from tests.faults.serving.scene import Scene
from tests.faults.serving.storm import Storm

REST_SECONDS = 20.0
MOST_PROBLEMS = 20


def run(
    folder: Path, server: ObjectStoreServer, seed: int, rollouts: int, calm: float, rest: float, *, real: bool
) -> dict[str, Any]:
    """One storm: figures, and all that must not have happened."""
    scene = Scene(folder, server)
    try:
        storm = Storm(scene, seed, calm, real=real)
        try:
            storm.begin()
            quiet = storm.rest(rest)
            storm.run(rollouts)
        finally:
            storm.end()
        found = problems(storm.requests, storm.log, storm.kills, storm.ungated, storm.voices.verdicts)
        return figures(storm, quiet) | {"problems": found + storm.outcomes() + storm.left()}
    finally:
        scene.end()


def figures(storm: Storm, quiet: tuple[float, float]) -> dict[str, Any]:
    """What was done, and how long answers took at rest, in rollouts, and while something that was killed healed."""
    at_rest, rolling, healing = list[Request](), list[Request](), list[Request]()
    requests, struck = storm.requests, [kill for kill in storm.kills if kill.kind not in ("deployer", "person")]
    for one in requests:
        if any(one.started < kill.healed and one.ended > kill.at for kill in struck):
            healing.append(one)
        elif any(began <= one.started <= ended for began, ended in storm.rolling):
            rolling.append(one)
        elif quiet[0] <= one.started <= quiet[1]:
            at_rest.append(one)
    return {
        "rollouts": storm.number - 1,
        "ended": dict(storm.ended),
        "said": dict(storm.voices.said),
        "kills": len(storm.kills),
        "killed": dict(Counter(kill.kind for kill in storm.kills)),
        "requests": len(requests),
        "failed": sum(bool(one.error) for one in requests),
        "retried_by_clients": sum(len(one.gateways) > 1 for one in requests),
        "p99_ms_at_rest": p99(at_rest),
        "p99_ms_in_rollouts": p99(rolling),
        "p99_ms_while_healing": p99(healing),
    }


def main() -> int:
    """Run, print progress and one line of JSON; 1 where anything is wrong."""
    parser = argparse.ArgumentParser(prog="tests.faults.serving", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=100)
    parser.add_argument("--calm", type=float, default=5.0, help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-serving-") as folder:
        os.environ["GENAI_STATE_FOLDER"] = str(Path(folder) / "state")
        os.environ["GENAI_PSEUDONYM_KEY"] = "a key of the storm that is long enough"
        os.environ.setdefault("GENAI_SERVING_PYTHON", str(PROJECT_ROOT / ".genai" / "serving" / "bin" / "python"))
        settings.cache_clear()
        server = ObjectStoreServer(Path(folder))
        server.start()
        try:
            result = run(Path(folder), server, given.seed, given.rollouts, given.calm, REST_SECONDS, real=True)
        finally:
            server.kill()
    load = round(os.getloadavg()[0], 2)
    result |= {"seconds": round(time.monotonic() - started, 1), "load": load, "passed": not result["problems"]}
    for problem in result["problems"][:MOST_PROBLEMS]:
        print(problem, file=sys.stderr)
    print(json.dumps({"faults": "serving", "seed": given.seed} | result | {"problems": len(result["problems"])}))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
