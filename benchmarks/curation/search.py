"""The near-duplicate search of this project on local files: the functions of the workflow's tasks, a process each."""

import multiprocessing
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.curation import stages


class Found(NamedTuple):
    """What a search took, in time and in processor time, the ids that it dropped, and MB at the peak by stage."""

    seconds: float
    processor_seconds: float
    dropped: set[str]
    peaks: dict[str, int]


def search(shards: list[Path], folder: Path, workers: int) -> Found:
    """Sketch, match and deduplicate the shards; a stage's peak is that of its largest process."""
    started = time.monotonic()
    sketches = [folder / f"sketch-{part}" for part in range(len(shards))]
    matches = [folder / f"match-{part}" for part in range(len(shards))]
    context = multiprocessing.get_context("forkserver")
    # a worker begins with what it would import
    context.set_forkserver_preload([stages.__name__, "pyarrow.parquet", "pyarrow.compute", "rensa"])
    with context.Pool(workers, maxtasksperchild=1) as pool:
        jobs = [(shard, sketch, len(shards)) for shard, sketch in zip(shards, sketches, strict=True)]
        sketched = pool.starmap(stages.sketch, jobs, chunksize=1)
        matched = pool.starmap(
            stages.match, [(sketches, part, match) for part, match in enumerate(matches)], chunksize=1
        )
        dropped, decided = pool.apply(stages.deduplicate, (shards, sketches, matches, folder))
    costs = {"sketch": sketched, "match": matched, "deduplicate": [decided]}
    return Found(
        time.monotonic() - started,
        sum(cost.seconds for part in costs.values() for cost in part),
        dropped,
        {stage: max(cost.peak for cost in part) for stage, part in costs.items()},
    )
