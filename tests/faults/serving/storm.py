"""Rollouts one after the other, good ones and bad ones, while clients ask and what serves is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from include.artifacts.manifest import RunName
from include.artifacts.ref import ArtifactRef
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.champion import Transition
from include.inferencing.config import DeployConfig
from tests.faults.serving.clients import Client
from tests.faults.serving.deployer import AGAIN, DEPLOYED, REFUSED
from tests.faults.serving.history import Kill, Request
from tests.faults.serving.packages import BAD, stand_in
from tests.faults.serving.scene import USE_CASE, Scene, wait_for
from tests.gates import gate_of
from tests.tiny_model import tiny_dataset

CONFIG = DeployConfig(
    max_tokens=8,
    probes=20,
    shares=(0.2, 0.5),
    settle_seconds=1.2,
    canary_seconds=6,
    least_requests=10,
    grace_seconds=2,
    more_errors=0.25,
    late_share=0.3,
    first_token_seconds=0.4,
)
UNGATED = "not gated"
BAD_SHARE = 0.4
KILLS = ("deployer", "deployer", "triton", "stub", "gateway", "control")
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


class Storm:
    """One run: `rollouts` of them, something killed every `calm` seconds on average; `seed` decides all of it."""

    def __init__(self, scene: Scene, seed: int, calm: float) -> None:
        self.random, self.calm, self.scene = random.Random(seed), calm, scene
        self.store = self.scene.store
        self.dataset = tiny_dataset(self.store, rows=20)
        self.ended: Counter[str] = Counter()
        self.kills: list[Kill] = []
        self.transitions: dict[tuple[str, ...], Transition] = {}
        self.ungated: set[str] = set()
        self.wrong: list[str] = []
        self.rolling: list[tuple[float, float]] = []
        self.deployer: subprocess.Popen[bytes] | None = None
        self.over, self.number, self.output = threading.Event(), 0, scene.folder / "deployer.log"
        self.clients: list[Client] = []

    def begin(self, clients: int = 4) -> None:
        """The first champion, and traffic."""
        self.rollout("good")
        urls = [gateway.url for gateway in self.scene.gateways]
        wait_for(lambda: all(self._lists(url) for url in urls), 30, "gateways know the champion")
        self.clients = [
            Client(urls, self.scene.keys[n % 2], USE_CASE, stream=n % 4 < 2, pause=0.05, seed=n) for n in range(clients)
        ]

    def _lists(self, url: str) -> bool:
        gateway = next(one for one in self.scene.gateways if one.url == url)
        return USE_CASE in gateway.get("/v1/models", self.scene.keys[0]).text

    def rest(self, seconds: float) -> tuple[float, float]:
        """Traffic and nothing else: from when until when."""
        wait_for(self.scene.is_whole, 90, "all programs answer")
        began = time.time()
        time.sleep(seconds)
        return began, time.time()

    def run(self, rollouts: int) -> None:
        """All rollouts, with kills beside them."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        killer = threading.Thread(target=self._kill_now_and_then, daemon=True)
        watcher.start()
        killer.start()
        kinds = [*BAD, UNGATED]
        for _ in range(rollouts):
            kind = self.random.choice(kinds) if self.random.random() < BAD_SHARE else "good"
            began = time.time()
            self.rollout(kind)
            self.rolling.append((began, time.time()))
            print(f"{self.number - 1} of {rollouts}: {dict(self.ended)}, {len(self.kills)} kills", file=sys.stderr)
        self.over.set()
        killer.join()
        wait_for(self.scene.is_whole, 120, "all programs answer at the end")
        watcher.join()

    def rollout(self, kind: str) -> None:
        """One rollout, by as many deployers as it takes, or by serving-control."""
        self.number += 1
        package = stand_in(self.store, f"package-{self.number}", kind)
        gate = gate_of(self.store, package, dataset=self.dataset, passed=kind != UNGATED)
        name = champion.model_name(USE_CASE, package)
        if kind == UNGATED:
            self.ungated.add(name)
        code = self._deployed(package, gate)
        while code in (AGAIN, -signal.SIGKILL) and self.random.random() < 0.7:
            code = self._deployed(package, gate)
        wait_for(lambda: champion.read_alias(self.store.bucket, USE_CASE)[0].rollout is None, 120, "the rollout's end")
        self._look()
        serves = champion.read(self.store.bucket, USE_CASE)
        promoted = serves is not None and serves.model_name == name
        if promoted and kind != "good":
            self.wrong.append(f"promoted: {name}, which {kind}")
        how = "promoted" if promoted else "refused" if code == REFUSED else "not promoted"
        self.ended[f"{kind}: {how}"] += 1

    def _deployed(self, package: ArtifactRef, gate: ArtifactRef) -> int:
        moment = (BEGAN + timedelta(minutes=self.number)).isoformat()
        run = RunName(use_case=USE_CASE, run_id=f"run-{self.number}", as_of=moment)
        told = {name: ref.model_dump() for name, ref in (("package", package), ("gate", gate))}
        told |= {"run": run.model_dump(), "config": CONFIG.model_dump(mode="json")}
        line = [sys.executable, "-m", "tests.faults.serving.deployer", json.dumps(told)]
        with self.output.open("ab") as log:
            environment = self.scene.environment()
            self.deployer = subprocess.Popen(line, env=environment, stdout=log, stderr=log, cwd=PROJECT_ROOT)
        code = self.deployer.wait(300)
        if self.number == 1 and code != DEPLOYED:
            raise AssertionError(self.output.read_text()[-2000:])
        return code

    def _watch(self) -> None:
        """The alias keeps the newest transitions only."""
        while not self.over.wait(0.5):
            self._look()
        self._look()

    def _look(self) -> None:
        for one in champion.read_alias(self.store.bucket, USE_CASE)[0].log:
            self.transitions.setdefault((one.at, one.what, one.model_name), one)

    @property
    def log(self) -> list[Transition]:
        """All transitions in their order."""
        return sorted(self.transitions.values(), key=lambda one: one.at)

    @property
    def requests(self) -> list[Request]:
        """Of all clients."""
        return [one for client in self.clients for one in client.log]

    def _kill_now_and_then(self) -> None:
        while not self.over.wait(self.random.uniform(0.3, 2 * self.calm)):
            kind = self.random.choice(KILLS)
            if kind == "deployer":
                self._kill_deployer()
            elif self.scene.is_whole():
                at = time.time()
                self._kill(kind)
                struck = time.time()
                with suppress(TimeoutError):
                    wait_for(lambda: self.over.is_set() or self.scene.is_whole(), 60, "healed")
                self.kills.append(Kill(at, kind, struck, time.time()))

    def _kill_deployer(self) -> None:
        if self.deployer and self.deployer.poll() is None:
            at = time.time()
            self.deployer.kill()
            self.kills.append(Kill(at, "deployer", time.time(), time.time()))

    def _kill(self, kind: str) -> None:
        number = self.random.randrange(2)
        if kind == "stub":
            stubs = self.scene.tritons[number].stubs()
            with suppress(ProcessLookupError):
                os.kill(self.random.choice(stubs), signal.SIGKILL) if stubs else None
        else:
            name = "control" if kind == "control" else f"{kind}-{number + 1}"
            self.scene.programs[name].kill()

    def outcomes(self) -> list[str]:
        """What is wrong with how the rollouts ended: a bad one promoted, or more than a fifth of the good not."""
        good = sum(count for how, count in self.ended.items() if how.startswith("good: "))
        promoted = self.ended["good: promoted"]
        too_few = promoted < min(good - 1, 0.8 * good)
        return self.wrong + [f"of {good} good packages {promoted} were promoted"] * too_few

    def left_loaded(self) -> list[str]:
        """What is wrong with what the Tritons have loaded at rest: the champion, and nothing else."""
        serves = champion.read(self.store.bucket, USE_CASE)
        wanted = {serves.model_name} if serves else set()
        with suppress(TimeoutError):
            wait_for(lambda: all(found == wanted for found in self.scene.loaded()), 60, "only the champion is loaded")
        return [f"loaded at rest: {sorted(found)}, not {wanted}" for found in self.scene.loaded() if found != wanted]

    def end(self) -> None:
        """End clients and kills."""
        self.over.set()
        for client in self.clients:
            client.end()
