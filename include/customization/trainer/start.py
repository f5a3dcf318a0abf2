"""Where one job's training begins: at its newest checkpoint, at what an earlier part left, or at the first step."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, NamedTuple

from include.artifacts.ref import ArtifactRef
from include.customization.config import TuningConfig
from include.distributed.batches import accumulation_of, micro_batch_of
from include.distributed.checkpoint_store import Found
from include.distributed.job import Job
from include.distributed.plan import Plan
from include.distributed.trainer_checkpoints import TrainerCheckpoints

STATE, FACTS = "state", "facts.json"


class Start(NamedTuple):
    """`config` with the accumulation that suits the ranks that are there; `last` is the step to stop after.

    `found` is this job's checkpoint, or what another job left when it stopped at a share of the steps, which is `left`.
    """

    job: Job
    config: TuningConfig
    last: int
    checkpoints: TrainerCheckpoints
    found: Found | None
    left: Found | None

    @property
    def plan(self) -> Plan:
        """What the project's own loop would be told."""
        known = self.config.model_dump(include=set(Plan.__dataclass_fields__))
        # an adapter stays in fp32 beside a base of any precision; where all weights are trained, ZeRO keeps fp32 copies
        return Plan(**known, precision="auto" if self.config.trains_weights else "fp32")

    @property
    def micro_batch(self) -> int:
        """Examples that a rank computes at once."""
        return micro_batch_of(self.config.batch, self.config.accumulation, self.job.ranks)

    @property
    def facts(self) -> dict[str, Any]:
        """What has to be known of a checkpoint before a trainer is built."""
        return {"micro_batch": self.micro_batch}


def begin(job: Job, config: TuningConfig, share: float | None = None) -> Start:
    """Where `job` goes on, to stop after `share` of the steps (the job's own, where None is given).

    The ranks are connected. The same examples are computed together on any number of ranks, as far as their number
    divides them. ConfigurationError where the batch does not divide by the ranks.
    """
    for library in ("accelerate", "bitsandbytes"):
        # they warn of what is meant
        logging.getLogger(library).setLevel(logging.ERROR)
    share = job.spec.get("share", 1.0) if share is None else share
    last = max(1, round(share * config.steps))
    saved = (step for step in range(1, last + 1) if step == last or step % config.save_every == 0)
    checkpoints = TrainerCheckpoints(job, saved)
    left = _left(job)
    found = checkpoints.newest() or left
    asked = found.facts["micro_batch"] if found else micro_batch_of(config.batch, config.accumulation, job.ranks)
    micro = job.notes["micro_batch"] = job.micro_batch or asked
    fitted = config.model_copy(update={"accumulation": accumulation_of(config.batch, micro, job.ranks)})
    return Start(job, fitted, last, checkpoints, found, left)


def write_left(found: Found, folder: Path) -> None:
    """Put a checkpoint where another job finds it as what this one left."""
    shutil.copytree(found.folder, folder)
    (folder / FACTS).write_text(json.dumps(found.facts, indent=1, sort_keys=True))


def _left(job: Job) -> Found | None:
    if not job.spec.get("resume"):
        return None
    folder = job.fetch(ArtifactRef.model_validate(job.spec["resume"]), only=f"{STATE}/") / STATE
    facts = json.loads((folder / FACTS).read_text())
    return Found(facts["step"], facts, folder)
