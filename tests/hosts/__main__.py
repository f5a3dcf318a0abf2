"""Train on two hosts over SSH, cut the link of one in the middle, and see the other one go on.

The hosts are network namespaces of this machine with an SSH server each; their owner and the object store live in a
third one. Needs root, ip (iproute2) and sshd (openssh-server). Ends with one line of JSON.
"""

import argparse
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from include.artifacts.bucket import StoreAddress
from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT, settings
from include.distributed import host
from include.distributed.launch import run_job
from include.local import object_store
from tests.artifacts.sample_step import sample_step
from tests.conftest import WEED, ObjectStoreServer
from tests.hosts.network import Network, address, processes_in

STEPS, SAVE_EVERY = 60, 5
ENTRY = "tests.distributed.tiny_job"


class Server(ObjectStoreServer):
    """The store at the owner's address, for the hosts to reach."""

    def launch(self) -> None:
        (self.folder / "data").mkdir(exist_ok=True)
        line = object_store.command(WEED, self.folder / "data", self.folder / "s3.json", address(0), self.port, "genai")
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, cwd=self.folder)

    def address(self, identity: object_store.Identity | None = None, **changes: str) -> StoreAddress:
        return super().address(identity, **({"endpoint": f"{address(0)}:{self.port}"} | changes))


class Said(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def main() -> int:
    """Build the network and go on inside of it; 0 where all is as it must be."""
    parser = argparse.ArgumentParser(
        prog="tests.hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cut", type=int, choices=(1, 2), default=1, help="the host that is cut off; 1 has rank 0")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        return _train(Network(arguments.inside, arguments.folder), arguments.cut)
    with tempfile.TemporaryDirectory(prefix="hosts-") as folder:
        network = Network(f"genai{os.getpid()}", Path(folder))
        try:
            network.build()
            network.serve()
            line = [sys.executable, "-m", "tests.hosts", "--inside", network.name, "--folder", folder]
            inside = ["ip", "netns", "exec", network.owner, *line, "--cut", str(arguments.cut)]
            return subprocess.run(inside, cwd=PROJECT_ROOT, check=False).returncode
        finally:
            network.remove()


def _train(network: Network, cut: int) -> int:
    started = time.monotonic()
    said = Said()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", handlers=[said, logging.StreamHandler(sys.stderr)]
    )
    hostfile = network.folder / "hostfile"
    hostfile.write_text("host-1 slots=1\nhost-2 slots=1\n")
    os.environ["PATH"] = f"{network.ssh}{os.pathsep}{os.environ['PATH']}"
    os.environ["GENAI_TRAINING_HOSTFILE"] = str(hostfile)
    settings.cache_clear()
    server = Server(network.folder)
    server.start()
    try:
        store = server.store()
        undisturbed = _losses(store, network.folder, "undisturbed", {})
        cutter = threading.Thread(target=_cut_when_told, args=(network, cut), daemon=True)
        cutter.start()
        disturbed = _losses(store, network.folder, "disturbed", {"reached": str(network.folder / "reached")})
        left = _left(network, cut)
    finally:
        server.kill()
    difference = max(abs(a - b) for a, b in zip(undisturbed, disturbed, strict=True))
    found = (re.search(r"resumed from .* step (\d+) on 1 ranks", line) for line in said.lines)
    resumed = [int(step[1]) for step in found if step]
    passed = difference < 1e-3 and not left and len(resumed) == 1
    result = {
        "hosts": 2,
        "cut": cut,
        "steps": len(disturbed),
        "resumed_from": resumed,
        "largest_difference": difference,
        "processes_left": left,
        "seconds": round(time.monotonic() - started, 1),
        "load": round(os.getloadavg()[0], 2),
        "passed": passed,
    }
    print(json.dumps(result))
    return 0 if passed else 1


def _losses(store: ArtifactStore, folder: Path, job: str, more: dict[str, str]) -> list[float]:
    seed = sample_step(store, text="1", source=None).model_dump()
    spec = {"seed": seed, "steps": STEPS, "save_every": SAVE_EVERY, **more}
    work = Workspace(store, "tests.tiny_job", sha256_of(job), folder / job)
    results = run_job(work, ENTRY, spec, batch=4)
    found: list[float] = json.loads((results / "curve.json").read_text())["losses"]
    return found


def _cut_when_told(network: Network, number: int) -> None:
    """Cut the link as soon as a rank says that it is in the middle."""
    while not (network.folder / "reached").exists():
        time.sleep(0.01)
    logging.info("the link of host-%d is cut", number)
    network.cut(number)


def _left(network: Network, number: int) -> int:
    """Ranks that still run on the host that was cut off, after they had time to notice."""
    until = time.monotonic() + host.SILENCE + 30
    while left := len(_ranks(f"{network.name}-{number}")):
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return left


def _ranks(namespace: str) -> list[int]:
    lines = {found: Path(f"/proc/{found}/cmdline") for found in processes_in(namespace)}
    return [found for found, line in lines.items() if line.exists() and b"include.distributed" in line.read_bytes()]


if __name__ == "__main__":
    sys.exit(main())
