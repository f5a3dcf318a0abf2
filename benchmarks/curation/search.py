"""The near-duplicate search of this project on local files: the same functions as the workflow's tasks, a process each.

The peak memory of each process is its own: a worker's, as Airflow runs one task a process.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from include.data_preparation.config import DeduplicateConfig

CONFIG = DeduplicateConfig()


class Found(NamedTuple):
    """What a search took, and the ids that it dropped."""

    seconds: float
    dropped: set[str]
    peaks: dict[str, int]


def search(shards: list[Path], folder: Path, workers: int) -> Found:
    """Sketch, match and deduplicate the shards; peaks are MB of the largest process by stage."""
    started = time.monotonic()
    context = multiprocessing.get_context("spawn")
    peaks = {}
    sketches = [folder / f"sketch-{part}" for part in range(len(shards))]
    matches = [folder / f"match-{part}" for part in range(len(shards))]
    with context.Pool(workers, maxtasksperchild=1) as pool:
        jobs = [(shard, sketch, len(shards)) for shard, sketch in zip(shards, sketches, strict=True)]
        peaks["sketch"] = max(_each(pool, _sketch, jobs))
        peaks["match"] = max(_each(pool, _match, [(sketches, part, match) for part, match in enumerate(matches)]))
        ((names, peak),) = _each(pool, _deduplicate, [(shards, sketches, matches, folder)])
    peaks["deduplicate"] = peak
    return Found(time.monotonic() - started, names, peaks)


def peak_memory() -> int:
    """MB of this process alone at its peak."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) >> 10


def _each(pool: Any, function: Callable[..., Any], jobs: Iterable[Any]) -> list[Any]:
    return list(pool.starmap(function, jobs, chunksize=1))


def _sketch(shard: Path, folder: Path, partitions: int) -> int:
    from include.data_preparation.documents import shard_name
    from include.data_preparation.sketch import write_sketch

    folder.mkdir()
    write_sketch(shard / shard_name(0), folder, partitions, CONFIG)
    return peak_memory()


def _match(sketches: list[Path], partition: int, folder: Path) -> int:
    from include.data_preparation.match import write_matches

    folder.mkdir()
    write_matches(lambda name: [sketch / name for sketch in sketches], partition, folder, CONFIG)
    return peak_memory()


def _deduplicate(shards: list[Path], sketches: list[Path], matches: list[Path], folder: Path) -> tuple[set[str], int]:
    from include.data_preparation.deduplicate import find_dropped, without
    from include.data_preparation.documents import shard_name, write_table
    from include.data_preparation.sketch_files import DOCUMENTS

    dropped = find_dropped([sketch / DOCUMENTS for sketch in sketches], matches, [], CONFIG)
    for number, shard in enumerate(shards):
        write_table(folder / shard_name(number), without(shard / shard_name(0), dropped, number))
    return set(dropped["id"].to_pylist()), peak_memory()
