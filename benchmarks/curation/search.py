"""The near-duplicate search of this project on local files: the functions of the workflow's tasks, a process each."""

import multiprocessing
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.curation import stages
from include.data_preparation.duplicates.earlier_datasets import INDEX


class Found(NamedTuple):
    """What a search took, in time and in processor time, the ids that it dropped, and the cost of each stage: the
    processor seconds of all its processes, and MB at the peak of the largest."""

    seconds: float
    processor_seconds: float
    dropped: set[str]
    costs: dict[str, stages.Cost]


def search(shards: list[Path], folder: Path, workers: int, *, again: bool = False) -> Found:
    """Sketch, match and deduplicate the shards.

    `again` goes on and matches beside what that left as an earlier dataset, a stage that the totals leave out.
    """
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
        seconds = time.monotonic() - started
        beside = [(sketches, part, folder / f"again-{part}", folder / INDEX) for part in range(len(shards) * again)]
        repeated = pool.starmap(stages.match, beside, chunksize=1)
    costs = {"sketch": sketched, "match": matched, "deduplicate": [decided]}
    total = sum(cost.seconds for part in costs.values() for cost in part)
    costs |= {"match, with an earlier dataset": repeated} if again else {}
    return Found(seconds, total, dropped, {stage: stages.Cost.of(part) for stage, part in costs.items()})
