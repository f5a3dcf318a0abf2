"""Rollouts one after the other, good ones and bad ones, while clients ask and what serves is killed."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from include.artifacts.ref import ArtifactRef
from include.core.settings import PROJECT_ROOT
from include.inferencing import champion
from include.inferencing.champion import Transition
from include.inferencing.config import DeployConfig
from tests.faults.serving.clients import Client
from tests.faults.serving.deployer import AGAIN, DEPLOYED, REFUSED
from tests.faults.serving.history import Kill, Request, located
from tests.faults.serving.packages import BAD, stand_in
from tests.faults.serving.real import RealPackages
from tests.faults.serving.scene import USE_CASE, Scene, wait_for
from tests.faults.serving.victims import Victims
from tests.faults.serving.voices import KINDS, Voices, run_of
from tests.gates import gate_of
from tests.tiny_model import tiny_dataset

CONFIG = DeployConfig(
    max_tokens=48,
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
UNGATED, REAL = "not gated", "real"
# of the rollouts: bad ones, real ones among the good, and those in the middle of which somebody speaks up
BAD_SHARE, REAL_SHARE, VOICE_SHARE = 0.35, 0.4, 0.3
KILLS = ("deployer", "deployer", "triton", "stub", "engine", "gateway", "control")


class Storm:
    """One run: `rollouts` of them, something killed every `calm` seconds on average; `seed` decides all of it.

    With `real`, some of the good packages are real ones, whose engine is a process of its own.
    """

    def __init__(self, scene: Scene, seed: int, calm: float, *, real: bool) -> None:
        self.random, self.calm, self.scene = random.Random(seed), calm, scene
        self.victims, self.voices = Victims(scene, self.random), Voices(scene, CONFIG, seed)
        self.store = self.scene.store
        self.dataset = tiny_dataset(self.store, rows=20)
        self.real = RealPackages(self.store) if real else None
        self.ended: Counter[str] = Counter()
        self.kills: list[Kill] = []
        self.transitions: dict[tuple[str, ...], Transition] = {}
        self.good, self.ungated = set[str](), set[str]()
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
        kinds = [*BAD, UNGATED]
        with ThreadPoolExecutor(2) as pool:
            beside = [pool.submit(self._watch), pool.submit(self._kill_now_and_then)]
            try:
                for _ in range(rollouts):
                    kind = self.random.choice(kinds) if self.random.random() < BAD_SHARE else "good"
                    if kind == "good" and self.real and self.random.random() < REAL_SHARE:
                        kind = REAL
                    voice = self.random.choice(KINDS) if self.random.random() < VOICE_SHARE else ""
                    began = time.time()
                    self.rollout(kind, voice)
                    self.rolling.append((began, time.time()))
                    done = f"{self.number - 1} of {rollouts}"
                    print(f"{done}: {dict(self.ended)}, {len(self.kills)} kills", file=sys.stderr, flush=True)
            finally:
                self.over.set()
        for one in beside:
            one.result()
        wait_for(self.scene.is_whole, 120, "all programs answer at the end")
        self._look()

    def rollout(self, kind: str, voice: str = "") -> None:
        """One rollout, by as many deployers as it takes, or by serving-control."""
        self.number += 1
        is_real = self.real is not None and kind == REAL
        package = self.real.new() if self.real and is_real else stand_in(self.store, f"package-{self.number}", kind)
        gate = gate_of(self.store, package, dataset=self.dataset, passed=kind != UNGATED)
        name = champion.model_name(USE_CASE, package)
        (self.ungated if kind == UNGATED else self.good if kind in ("good", REAL) else set()).add(name)
        over, said = threading.Event(), self.voices.said.total()
        speaks = self.voices.begin(voice, self.number, package, over) if voice else None
        code = self._deployed(package, gate)
        while code in (AGAIN, -signal.SIGKILL) and self.random.random() < 0.7:
            code = self._deployed(package, gate)
        over.set()
        if speaks:
            speaks.result()
        wait_for(lambda: champion.read_alias(self.store.bucket, USE_CASE)[0].rollout is None, 240, "the rollout's end")
        self._look()
        spoken = f", {voice}" if self.voices.said.total() > said else ""
        serves = champion.read(self.store.bucket, USE_CASE)
        if serves is None or serves.model_name not in self.good:
            self.wrong.append(f"serves after rollout {self.number}, which {kind}{spoken}: {serves}")
        promoted = any(one.what == "promoted" and one.run_id == f"run-{self.number}" for one in self.log)
        how = "promoted" if promoted else "refused" if code == REFUSED else "not promoted"
        self.ended[f"{kind}{spoken}: {how}"] += 1

    def _deployed(self, package: ArtifactRef, gate: ArtifactRef) -> int:
        told = {name: ref.model_dump() for name, ref in (("package", package), ("gate", gate))}
        told |= {"run": run_of(self.number).model_dump(), "config": CONFIG.model_dump(mode="json")}
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

    def _look(self) -> None:
        for one in champion.read_alias(self.store.bucket, USE_CASE)[0].log:
            self.transitions.setdefault((one.at, one.what, one.model_name), one)

    @property
    def log(self) -> list[Transition]:
        """All transitions in their order."""
        return sorted(self.transitions.values(), key=lambda one: one.at)

    @property
    def requests(self) -> list[Request]:
        """Of all clients, each with the server that its gateway sent it to."""
        return located([one for client in self.clients for one in client.log], self.scene.asked())

    def _kill_now_and_then(self) -> None:
        while not self.over.wait(self.random.uniform(0.3, 2 * self.calm)):
            kind = self.random.choice(KILLS)
            if kind == "deployer":
                self._kill_deployer()
            elif self.scene.is_whole() and (kill := self.victims.kill(kind)):
                with suppress(TimeoutError):
                    wait_for(lambda: self.over.is_set() or self.scene.is_whole(), 60, "healed")
                self.kills.append(replace(kill, healed=time.time()))

    def _kill_deployer(self) -> None:
        """Or the person who goes back."""
        for kind, process in (("person", self.voices.person), ("deployer", self.deployer)):
            if process and process.poll() is None:
                at = time.time()
                process.kill()
                self.kills.append(Kill(at, kind, time.time(), time.time()))
                return

    def outcomes(self) -> list[str]:
        """What is wrong with how the rollouts ended: a bad one served, or more than a fifth of the good were not.

        Those in the middle of which somebody spoke up may end either way.
        """
        ended = {
            kind: (self.ended[f"{kind}: promoted"], self.ended[f"{kind}: not promoted"]) for kind in ("good", REAL)
        }
        promoted, not_promoted = (sum(counts) for counts in zip(*ended.values(), strict=True))
        good = promoted + not_promoted
        few = [f"of {good} good packages {promoted} were promoted"] if promoted < min(good - 1, 0.8 * good) else []
        return self.wrong + few

    def left(self) -> list[str]:
        """What is wrong at rest: anything but the champion is loaded, an engine runs without its stub."""
        serves = champion.read(self.store.bucket, USE_CASE)
        wanted = {serves.model_name} if serves else set()
        with suppress(TimeoutError):
            wait_for(lambda: all(found == wanted for found in self.scene.loaded()), 60, "only the champion is loaded")
        loaded = [f"loaded at rest: {sorted(found)}, not {wanted}" for found in self.scene.loaded() if found != wanted]
        return loaded + self.victims.orphans()

    def end(self) -> None:
        """End clients and kills."""
        self.over.set()
        for client in self.clients:
            client.end()
