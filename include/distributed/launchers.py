"""The command lines that start ranks, one function for each way to launch them."""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DESCRIPTION, RESULTS, DONE = "job.json", "results", "done.json"
ENTRY = "include.distributed.job"
_RUNNER = (sys.executable, "-m", "deepspeed.launcher.runner", "--no_local_rank")
# what the runner starts on each host; it would only find out that there is one, in two seconds
_LAUNCHER = (sys.executable, "-u", "-m", "deepspeed.launcher.launch", "--no_local_rank")


def write_description(folder: Path, description: Mapping[str, Any]) -> None:
    """Make `folder` what `python -m include.distributed.job FOLDER` expects."""
    (folder / RESULTS).mkdir(parents=True)
    (folder / DESCRIPTION).write_text(json.dumps(description))


def local_command(folder: Path, ranks: int, port: int) -> list[str]:
    """All ranks on this machine."""
    world = base64.urlsafe_b64encode(json.dumps({"localhost": list(range(ranks))}).encode()).decode()
    return [*_LAUNCHER, f"--world_info={world}", f"--master_port={port}", "--module", ENTRY, str(folder)]


def host_command(folder: Path, hosts: Mapping[str, int], node: int, address: str, port: int) -> list[str]:
    """The ranks of one of several hosts, started on the host itself: DeepSpeed's launcher without its own SSH.

    `hosts` are all hosts and their numbers of ranks, in order; this one is number `node`; the first one's `address`
    and `port` are where the ranks meet.
    """
    hostfile = folder / "hostfile"
    hostfile.write_text("".join(f"{name} slots={ranks}\n" for name, ranks in hosts.items()))
    place = ["--hostfile", str(hostfile), "--no_ssh", "--node_rank", str(node)]
    meeting = ["--master_addr", address, "--master_port", str(port)]
    return [*_RUNNER, *place, *meeting, "--module", ENTRY, str(folder)]
