"""One job from its beginning to its end, while its processes are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from include.artifacts.manifest import sha256_of
from include.artifacts.store import MANIFEST, ArtifactStore
from include.core.settings import PROJECT_ROOT
from tests.faults.training.subjects import Subject

STEP = "tests.faults_training"
_TICK = 0.05
# a life that ends in its start-up: seconds after the one before, at most
_EARLY = 12.0
# seconds after a checkpoint, at most
_LATER = 2.0
_HANGS = 600.0


class Ended(NamedTuple):
    """A job that ended: its losses, what was read at each place of each step, and the steps that were computed."""

    losses: list[float]
    reads: dict[tuple[int, int], set[int]]
    computed: int
    fewer: bool
    step_seconds: float
    seconds: float


class Storm:
    """Runs a subject's job and kills one of its processes again and again; `killed` counts them by kind.

    `every` is the seconds between two kills; without it they come as fast as the job makes a checkpoint in between,
    for ranks that die twice without one are not expected to come back.
    """

    def __init__(self, store: ArtifactStore, subject: Subject, name: str, folder: Path, seed: int) -> None:
        self.store, self.subject, self.folder = store, subject, folder / name
        self.random = random.Random(seed)
        self.fingerprint = sha256_of([subject.name, name])
        self.killed: Counter[str] = Counter()
        self.problems: list[str] = []
        self.owner: subprocess.Popen[bytes] | None = None
        self.folder.mkdir()

    def run(self, kills: int, every: float | None = None) -> Ended:
        """Until the job ends, and `kills` at the most."""
        started, until = time.monotonic(), time.monotonic() + _HANGS + kills * (every or _HANGS)
        moment = self._moments(every)
        try:
            while not self.curve.exists() or self._owner_lives():
                if not self._owner_lives():
                    self._await_gone()
                    self.owner = self._start()
                if self.killed.total() < kills and next(moment):
                    self._kill()
                if time.monotonic() > until:
                    raise TimeoutError(f"{self.subject.name} hangs: {self.log.read_text()[-2000:]}")
                time.sleep(_TICK)
        finally:
            if self.owner:
                self.owner.kill()
        self._await_gone()
        curve = json.loads(self.curve.read_text())
        reads, computed = self._reads()
        fewer = "ranks take part" in self.log.read_text()
        step_seconds = curve["seconds"] / curve["step"]
        return Ended(curve["losses"], reads, computed, fewer, step_seconds, time.monotonic() - started)

    def _owner_lives(self) -> bool:
        return self.owner is not None and self.owner.poll() is None

    @property
    def curve(self) -> Path:
        """Where the owner leaves the curve."""
        return self.folder / "curve.json"

    @property
    def log(self) -> Path:
        """What all owners and ranks printed."""
        return self.folder / "log"

    def _start(self) -> "subprocess.Popen[bytes]":
        subject = self.subject
        more = {"reads": str(self.folder / "reads"), "steps": subject.steps, "save_every": subject.save_every}
        told = {
            "step": STEP,
            "fingerprint": self.fingerprint,
            "entry": subject.entry,
            "spec": subject.spec(self.store) | more,
            "batch": subject.batch,
            "curve": str(self.curve),
        }
        line = [sys.executable, "-m", "tests.faults.training.owner", json.dumps(told)]
        with self.log.open("ab") as log:
            environment = os.environ | self.store.bucket.address.environment()
            return subprocess.Popen(line, cwd=PROJECT_ROOT, env=environment, stdout=log, stderr=log)

    def _moments(self, every: float | None) -> Iterator[bool]:
        """Whether to kill now, asked at every tick."""
        while every:
            yield from self._wait(every)
        while True:
            seen, way = self._checkpoints(), self.random.choice(("early", "training", "saving"))
            if way == "early":
                yield from self._wait(self.random.uniform(0, _EARLY))
                seen = self._checkpoints()
            while not self._checkpoints() - seen:
                yield False
            while way == "saving" and not any(self._writers()):
                yield False
            yield from self._wait(self.random.uniform(0, _LATER) if way == "training" else 0)

    def _wait(self, seconds: float) -> Iterator[bool]:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            yield False
        yield True

    def _checkpoints(self) -> set[str]:
        """What was committed, and is not yet deleted."""
        prefix = f"{STEP.replace('.', '/')}/checkpoints/"
        return {key for key in self.store.bucket.keys(prefix) if key.endswith(MANIFEST)}

    def _writers(self) -> Iterator[Path]:
        """Folders that ranks are writing checkpoints from."""
        return Path(os.environ["GENAI_STATE_FOLDER"]).glob("scratch/owner-*/job-*/checkpoints/rank-*")

    def _kill(self) -> None:
        """One process, chosen among all of the job's."""
        assert self.owner
        try:
            owner = psutil.Process(self.owner.pid)
            victim = self.random.choice([owner, *owner.children(recursive=True)])
            kind = _kind(victim, owner.pid)
            victim.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return
        self.killed[kind] += 1

    def _await_gone(self) -> None:
        """The ranks end with their owner, within 30 s."""
        until = time.monotonic() + 30
        while left := list(self._processes()):
            if time.monotonic() > until:
                self.problems.append(f"left behind: {left}")
                return
            time.sleep(_TICK)

    def _processes(self) -> Iterator[str]:
        """The command lines of this job's processes, whoever their parent is."""
        places = str(self.folder), os.environ["GENAI_STATE_FOLDER"]
        for process in psutil.process_iter(["cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or [])
            if process.info["status"] != psutil.STATUS_ZOMBIE and any(place in line for place in places):
                yield line

    def _reads(self) -> tuple[dict[tuple[int, int], set[int]], int]:
        path, reads, computed = self.folder / "reads", dict[tuple[int, int], set[int]](), 0
        for line in path.read_text().splitlines() if path.exists() else []:
            step, first, *chosen = map(int, line.split())
            computed += first == 0
            for place, example in enumerate(chosen, first):
                reads.setdefault((step, place), set()).add(example)
        return reads, computed


def _kind(victim: psutil.Process, owner: int) -> str:
    line = " ".join(victim.cmdline())
    if victim.pid == owner:
        return "owner"
    kinds = {"rank": "-u -m include.distributed.job", "launcher": "deepspeed.launcher"}
    return next((kind for kind, words in kinds.items() if words in line), "compiler")
