"""What is killed: writers, readers and sweepers, each a forked process with a store of its own."""

import os
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

from include.artifacts.bucket import StoreAddress
from include.artifacts.ref import ArtifactRef
from include.artifacts.scratch import scratch_folder
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import sweep
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError, StoreUnavailableError
from tests.faults.ledger import Ledger
from tests.faults.made_step import differs, made_step

# all tries of one request end within a sixth of the window: what is committed late would be swept
RETRIES = 3


@dataclass(frozen=True)
class Scene:
    """What all workers share."""

    address: StoreAddress
    window: timedelta
    folder: Path

    @property
    def committed(self) -> Ledger:
        """One line for each commit that returned."""
        return Ledger(self.folder / "committed")

    @property
    def problems(self) -> Ledger:
        """What a worker saw that must not be."""
        return Ledger(self.folder / "problems")

    def store(self) -> ArtifactStore:
        """A new client of the store."""
        return ArtifactStore(self.address, RETRIES, self.window)


def is_large(name: str) -> bool:
    """Every third artifact has a file of several blocks."""
    return int(name) % 3 == 0


def fingerprint_of(store: ArtifactStore, name: str) -> str:
    """The fingerprint of the artifact `name`."""
    return made_step.parts(store, {"name": name, "large": is_large(name)}).digest(made_step.name)


def write(scene: Scene, name: str, force: bool = False) -> None:
    """Run the step, and note its reference once it has returned."""
    ref = made_step.run(scene.store(), {"name": name, "large": is_large(name)}, force=force).ref
    scene.committed.append({"name": name, "ref": ref.model_dump()})


def read(scene: Scene, name: str) -> None:
    """Whatever is visible of `name` is whole; what was committed is visible."""
    noted = any(entry["name"] == name for entry in scene.committed.read())
    store = scene.store()
    try:
        manifest = store.find(made_step.name, fingerprint_of(store, name))
        if manifest is None:
            if noted:
                scene.problems.append({"lost": name})
            return
        with scratch_folder("reader") as folder:
            if differs(store.fetch(manifest.ref, folder / "copy"), name, is_large(name)):
                scene.problems.append({"torn": name, "why": "other bytes"})
    except (CorruptedArtifactError, ArtifactNotFoundError) as error:
        scene.problems.append({"torn": name, "why": str(error)})


def clean(scene: Scene) -> None:
    """Sweep the whole bucket."""
    sweep(scene.store())


def start(scene: Scene, work: Callable[[], None]) -> int:
    """The id of a new process that does `work` and ends; a store that does not answer is no problem."""
    child = os.fork()
    if child:
        return child
    _work(scene, work)


def _work(scene: Scene, work: Callable[[], None]) -> NoReturn:
    code = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        random.seed()
        work()
        code = 0
    except StoreUnavailableError:
        code = 2
    except BaseException:  # noqa: BLE001 nothing may return into the parent's code
        scene.problems.append({"error": traceback.format_exc()})
    finally:
        os._exit(code)


def reference(entry: dict[str, object]) -> ArtifactRef:
    """The reference that a line of the ledger notes."""
    return ArtifactRef.model_validate(entry["ref"])
