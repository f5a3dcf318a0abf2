"""Runs a module under DeepSpeed's launcher, as a job that ends with its owner and survives the loss of its ranks."""

import json
import logging
import os
import shutil
import uuid
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.manifest import sha256_of
from include.artifacts.step import Workspace
from include.core.errors import ConfigurationError, JobFailedError
from include.core.settings import settings
from include.distributed import host
from include.distributed.environment import rank_environment
from include.distributed.hosts import Host, ask, fitting, over_ssh, read_hostfile, spread
from include.distributed.launchers import DONE, RESULTS, local_command, write_description
from include.distributed.messages import error_of
from include.distributed.results import fetch_results
from include.distributed.supervise import Command, Heard, supervise

# deaths without a checkpoint in between: as many with all ranks, then with fewer, then the job has failed
_SAME_RANKS, _MOST_DEATHS = 2, 4
# libraries that ranks talk through, configured where the owner runs
_CARRIED = ("NCCL_", "GLOO_", "UCX_", "FI_", "GENAI_S3_", "GENAI_RANK_THREADS")
_log = logging.getLogger("genai.distributed")


class Launch(NamedTuple):
    """One try: what the ranks said, their number, and where their results are if they are done."""

    said: Heard
    ranks: int
    results: Path | None


def run_job(
    work: Workspace,
    entry: str,
    spec: dict[str, Any],
    *,
    ranks: int | None = None,
    batch: int | None = None,
    smaller_micro_batch: bool = False,
    stall_seconds: float | None = None,
) -> Path:
    """Run `main(job)` of module `entry` on ranks of this machine, or of the hosts in GENAI_TRAINING_HOSTFILE.

    Returns a folder with what rank 0 wrote below `job.results`. `spec` is JSON and holds no secret: ranks get the
    object store's keys through their environment. It holds no path either: references to artifacts travel in it, and
    ranks get the files by `job.fetch`.

    A job that dies, or for `stall_seconds` neither prints nor moves bytes nor computes, is started again from its
    last checkpoint, on the hosts that are still there, with the largest number of ranks up to `ranks` that `batch`
    divides by. With `smaller_micro_batch`, one that runs out of memory computes half as many examples at once. Errors:
    what a rank raised as a GenaiError is raised here; JobFailedError where it dies again and again without a
    checkpoint.
    """
    silence = settings().training_silence_minutes * 60 if stall_seconds is None else stall_seconds
    place = _Place(work, entry, spec, ranks, batch, silence)
    deaths = micro = 0
    while True:
        tried = place.launch(fewer=deaths >= _SAME_RANKS, micro_batch=micro)
        if tried.results:
            return tried.results
        if failures := tried.said.all("failure"):
            micro = failures[0]["micro_batch"] // 2 if failures[0]["out_of_memory"] and smaller_micro_batch else 0
            if not micro:
                raise error_of(failures[0]["error"])
            _log.warning("out of memory: the job goes on with %d examples at once on a rank", micro)
            continue
        saved = tried.said.all("checkpoint")
        deaths = 0 if saved else deaths + 1
        if deaths == _MOST_DEATHS or tried.said.all("bug"):
            raise _died(entry, tried)
        last = f"goes on from step {saved[-1]}" if saved else f"made no checkpoint, {deaths} times in a row"
        _log.warning("the job on %d ranks died and %s; it is started again", tried.ranks, last)


class _Place:
    """Where a job runs: launches it there, each time in a folder of its own."""

    def __init__(
        self,
        work: Workspace,
        entry: str,
        spec: dict[str, Any],
        ranks: int | None,
        batch: int | None,
        stall_seconds: float,
    ) -> None:
        self.work, self.entry, self.spec, self.batch, self.stall_seconds = work, entry, spec, batch, stall_seconds
        self.hosts = read_hostfile(path) if (path := settings().training_hostfile) else []
        slots = sum(found.slots for found in self.hosts)
        self.most = min(ranks or slots, slots) if self.hosts else ranks or settings().training_ranks
        self.last = self.number = 0

    def launch(self, fewer: bool, micro_batch: int) -> Launch:
        """Run once on what is there; on `fewer` ranks than last time, if there can be fewer."""
        if self.number:
            shutil.rmtree(self._folder, ignore_errors=True)
        self.number += 1
        most = self.most if not fewer else max(1, self.last - 1)
        description = {
            "entry": self.entry,
            "spec": self.spec,
            "step": self.work.step,
            "fingerprint": self.work.job,
            "micro_batch": micro_batch,
        }
        return self._over_ssh(most, description) if self.hosts else self._here(most, description)

    @property
    def _folder(self) -> Path:
        return self.work.folder / f"job-{self.entry.rpartition('.')[2]}-{self.number}"

    def _ranks(self, most: int) -> int:
        """As many as the batch divides by."""
        self.last = fitting(self.batch, most)
        if self.last < self.most:
            _log.warning("%d ranks take part; %d were asked for", self.last, self.most)
        return self.last

    def _here(self, most: int, description: dict[str, Any]) -> Launch:
        ranks = self._ranks(most)
        write_description(self._folder, description)
        environment = rank_environment(self._folder) | self.work.address.environment()
        command = Command(local_command(self._folder, ranks, host.free_port()), environment)
        said = supervise([command], self.stall_seconds)
        results = self._folder / RESULTS
        return Launch(said, ranks, results if (results / DONE).exists() else None)

    def _over_ssh(self, most: int, description: dict[str, Any]) -> Launch:
        there = ask(self.hosts, self.entry, host.code_of(self.entry))
        ranks = self._ranks(min(most, sum(found.slots for found, _ in there)))
        layout = spread([found for found, _ in there], ranks)
        answer = there[0][1]
        if len(layout) > 1 and answer.address in ("127.0.0.1", "::1"):
            raise ConfigurationError(
                "GENAI_TRAINING_HOSTFILE", layout[0].name, "other hosts do not reach it so", "Write its network's name"
            )
        self._folder.mkdir()
        description["sent_as"] = sha256_of([self.work.job, uuid.uuid4().hex])
        order = {
            "environment": self._carried(),
            "description": description,
            "hosts": dict(layout),
            "address": answer.address,
            "port": answer.port,
        }
        commands = [self._on_host(found, order | {"node": node}) for node, found in enumerate(layout)]
        _log.info("launched on %s", ", ".join(f"{found.name} ({found.slots} ranks)" for found in layout))
        said = supervise(commands, self.stall_seconds)
        results = self._folder / RESULTS
        done = fetch_results(self.work.store, self.work.step, description["sent_as"], results)
        return Launch(said, ranks, results if done else None)

    def _on_host(self, found: Host, order: dict[str, Any]) -> Command:
        return Command(over_ssh(found.name), dict(os.environ), json.dumps(order).encode() + b"\n")

    def _carried(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name.startswith(_CARRIED)}
        return own | self.work.address.environment()


def _died(entry: str, tried: Launch) -> JobFailedError:
    return JobFailedError(
        entry,
        f"{tried.ranks} ranks",
        "the job ended without its marker; its last lines:\n" + "\n".join(tried.said.lines),
        "Run the step again: it resumes from its last checkpoint",
    )
