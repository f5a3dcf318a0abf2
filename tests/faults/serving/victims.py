"""What is killed, and what of it must not be left: a stub's engine ends with it."""

import random
import re
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

from tests.faults.serving.history import Kill
from tests.faults.serving.scene import USE_CASE, Scene
from tests.inferencing.conftest import TritonServer

MODEL = re.compile(rf"{USE_CASE}-[0-9a-f]{{12}}")


class Victims:
    """Programs, stubs of models, and the engines of real ones."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self.scene, self.random = scene, chance

    def kill(self, kind: str) -> Kill | None:
        """SIGKILL to one of a kind, a stub where no engine runs; None where there was none."""
        numbers = self.random.sample(range(2), 2)
        if kind == "engine" and not any(list(self._engines(self.scene.tritons[number])) for number in numbers):
            kind = "stub"
        at = time.time()
        if kind not in ("engine", "stub"):
            return self._program(kind, numbers[0], at)
        for number in numbers:
            server = self.scene.tritons[number]
            found = list(self._engines(server) if kind == "engine" else self._stubs(server))
            if not found:
                continue
            process, model = self.random.choice(found)
            with suppress(psutil.NoSuchProcess):
                process.kill()
                return Kill(at, kind, time.time(), 0.0, server.address, model)
        return None

    def orphans(self) -> list[str]:
        """Engines that run without a stub, and dead ones of this scene's stubs that nobody waited for."""
        stubs = {process.pid for server in self.scene.tritons for process, _ in self._stubs(server)}
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess):
                line, parent = process.cmdline(), process.parent()
                is_engine = len(line) > 1 and line[1].endswith("/1/engine.py")
                if is_engine and not (parent and parent.name().startswith("triton_python_b")):
                    found.append(f"an engine runs without its stub: {process.pid} {line}")
                if process.ppid() in stubs and process.status() == psutil.STATUS_ZOMBIE:
                    found.append(f"nobody waited for {process.pid}")
        return found

    def _program(self, kind: str, number: int, at: float) -> Kill:
        target = {"triton": self.scene.addresses, "gateway": [one.url for one in self.scene.gateways]}.get(kind)
        self.scene.programs[f"{kind}-{number + 1}" if target else kind].kill()
        return Kill(at, kind, time.time(), 0.0, target[number] if target else "")

    def _stubs(self, server: TritonServer) -> Iterator[tuple[psutil.Process, str]]:
        """With the model of each."""
        for pid in server.stubs():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if model := MODEL.search(" ".join(process.cmdline())):
                    yield process, model.group()

    def _engines(self, server: TritonServer) -> Iterator[tuple[psutil.Process, str]]:
        for stub, model in self._stubs(server):
            with suppress(psutil.NoSuchProcess):
                for process in stub.children():
                    if any(part.endswith("engine.py") for part in process.cmdline()):
                        yield process, model
