"""Two hundred kills, and all artifacts are whole."""

import json
import os
import subprocess
import sys

from include.core.settings import PROJECT_ROOT


def test_no_kill_tears_an_artifact_loses_one_or_leaves_a_lock() -> None:
    """In a process of its own: it forks, and this one has threads."""
    line = [sys.executable, "-m", "tests.faults", "--kills", "220", "--window", "6"]
    ended = subprocess.run(line, capture_output=True, text=True, cwd=PROJECT_ROOT, env={"PATH": os.defpath})
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["kills"] >= 200 and found["killed"]["server"] >= 5
    assert found["artifacts"] > 0
