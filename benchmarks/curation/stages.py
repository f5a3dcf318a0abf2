"""The stages of this project's search, as jobs of a worker process; each tells its cost."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.deduplicate import find_dropped, without, write_index
from include.data_preparation.documents import shard_name, write_table
from include.data_preparation.duplicates.earlier_datasets import INDEX, Earlier
from include.data_preparation.duplicates.sketch_files import DOCUMENTS
from include.data_preparation.match import write_matches
from include.data_preparation.sketch import write_sketch

CONFIG = DeduplicateConfig()


class Cost(NamedTuple):
    """Processor seconds and MB at the peak of a process that has had one job."""

    seconds: float
    peak: int

    @staticmethod
    def of(costs: Sequence["Cost"]) -> "Cost":
        """What several processes took together, and the peak of the largest."""
        return Cost(sum(cost.seconds for cost in costs), max(cost.peak for cost in costs))


def sketch(shard: Path, folder: Path, partitions: int) -> Cost:
    """Sketch a shard into a new folder."""
    folder.mkdir()
    write_sketch(shard / shard_name(0), folder, partitions, CONFIG)
    return _cost()


def match(sketches: list[Path], partition: int, folder: Path, earlier: Path | None = None) -> Cost:
    """Search a partition, into a new folder; beside an earlier dataset where its index is given, which has these very
    sketches."""
    folder.mkdir()

    def files(name: str) -> list[Path]:
        return [sketch / name for sketch in sketches]

    write_matches(files, partition, folder, CONFIG, [Earlier("earlier", earlier, files)] if earlier else [])
    return _cost()


def deduplicate(shards: list[Path], sketches: list[Path], matches: list[Path], folder: Path) -> tuple[set[str], Cost]:
    """Write the documents that stay; the ids of the others."""
    dropped, _ = find_dropped([sketch / DOCUMENTS for sketch in sketches], matches, CONFIG)
    for number, shard in enumerate(shards):
        write_table(folder / shard_name(number), without(shard / shard_name(0), dropped, number))
    write_index(folder / INDEX, [sketch / DOCUMENTS for sketch in sketches], dropped)
    return set(dropped["id"].to_pylist()), _cost()


def _cost() -> Cost:
    # of this process alone: getrusage would count what it was forked from
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return Cost(time.process_time(), int(line.split()[1]) >> 10)
