"""Who speaks up in the middle of a rollout: a person who calls it off or goes back, a gate with a newer verdict."""

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.champion import Verdict
from include.inferencing.config import DeployConfig
from tests.faults.serving.history import Judged
from tests.faults.serving.scene import USE_CASE, Scene
from tests.gates import gate_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
CALL_OFF, GO_BACK, NEWER, SAME = "called off", "gone back", "newer verdict", "same moment's verdict"
KINDS = (CALL_OFF, GO_BACK, NEWER, SAME)
LOOK_SECONDS, LATEST = 0.1, 7.0


def run_of(number: int, later: float = 0.0) -> RunName:
    """The run of a rollout: each looks at a minute of its own; `later` seconds behind it is a run that only judges."""
    name = f"judge-{number}" if later else f"run-{number}"
    moment = BEGAN + timedelta(minutes=number, seconds=later)
    return RunName(use_case=USE_CASE, run_id=name, as_of=moment.isoformat())


class Voices:
    """What was said, and which verdicts stood when."""

    def __init__(self, scene: Scene, config: DeployConfig, seed: int) -> None:
        self.scene, self.config, self.random = scene, config, random.Random(seed)
        self.bucket = scene.store.bucket
        self.said: Counter[str] = Counter()
        self.verdicts: list[Judged] = []
        self.person: subprocess.Popen[bytes] | None = None
        self.pool = ThreadPoolExecutor(1)

    def begin(self, kind: str, number: int, package: ArtifactRef, over: threading.Event) -> "Future[None]":
        """Speak once the package's rollout is under way, unless it is `over` before."""
        return self.pool.submit(self._speak, kind, number, package, self.random.uniform(0, LATEST), over)

    def _speak(self, kind: str, number: int, package: ArtifactRef, delay: float, over: threading.Event) -> None:
        name = champion.model_name(USE_CASE, package)
        while name not in self._under_way():
            if over.wait(LOOK_SECONDS):
                return
        if over.wait(delay):
            return
        if kind == CALL_OFF:
            self._ask_person(kind, "")
        elif kind == GO_BACK:
            if earlier := self._earlier():
                self._ask_person(kind, earlier)
        else:
            self._judge(kind, number, package)

    def _under_way(self) -> str:
        rollout = champion.read_alias(self.bucket, USE_CASE)[0].rollout
        return rollout.candidate.model_name if rollout else ""

    def _earlier(self) -> str:
        """A champion that no person took out of service; empty where there is none."""
        alias = champion.read_alias(self.bucket, USE_CASE)[0]
        serves = alias.champion.model_name if alias.champion else ""
        names = [one.model_name for one in alias.earlier]
        able = [name for name in names if name != serves and not alias.is_withdrawn(name)]
        return self.random.choice(able[-5:]) if able else ""

    def _ask_person(self, kind: str, to: str) -> None:
        told = {"use_case": USE_CASE, "to": to, "config": self.config.model_dump(mode="json")}
        line = [sys.executable, "-m", "tests.faults.serving.person", json.dumps(told)]
        with (self.scene.folder / "person.log").open("ab") as log:
            environment = self.scene.environment()
            self.person = subprocess.Popen(line, env=environment, stdout=log, stderr=log, cwd=PROJECT_ROOT)
        code = self.person.wait(300)
        self.said[f"{kind}: {'killed' if code < 0 else 'refused' if code else 'done'}"] += 1

    def _judge(self, kind: str, number: int, package: ArtifactRef) -> None:
        """A later run's verdict, whatever it says, or one of the rollout's own moment that says no."""
        passed = kind == NEWER and self.random.random() < 0.5
        run = run_of(number, later=30.0 if kind == NEWER else 0.0)
        report = gate_of(self.scene.store, package, passed=passed)
        named = {name: getattr(run, name) for name in RunName.model_fields}
        verdict = Verdict(**named, passed=passed, report=report, at=datetime.now(UTC).isoformat())
        stands = champion.judge(self.bucket, USE_CASE, verdict)
        if stands:
            runs = frozenset(run_of(earlier).run_id for earlier in range(1, number + 1))
            self.verdicts.append(Judged(time.time(), runs))
        self.said[f"{kind}: {'stands' if stands else 'does not stand'}"] += 1
