"""The stages of this project's curation, as jobs of a worker process; each tells its cost."""

import shutil
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from include.data_preparation.card import card_figures, gates
from include.data_preparation.config import AnonymizeConfig, CheckConfig, DeduplicateConfig, SplitConfig
from include.data_preparation.deduplicate import find_dropped, without, write_index
from include.data_preparation.division.document_shards import DocumentShards
from include.data_preparation.documents import shard_name, write_table
from include.data_preparation.duplicates.earlier_datasets import INDEX, Earlier
from include.data_preparation.duplicates.sketch_files import DOCUMENTS
from include.data_preparation.match import write_matches
from include.data_preparation.privacy.audited import TABLES, audit_tables
from include.data_preparation.privacy.digests import Digests
from include.data_preparation.privacy.leak_audit import audit
from include.data_preparation.row_files import RowFile, write_row_groups
from include.data_preparation.sketch import write_sketch
from include.data_preparation.split import QUESTION_TYPES, divide
from include.evaluation.contamination.protected import Guard

CONFIG = DeduplicateConfig()
KEY = b"benchmark" * 4


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


def split(source: Path, folder: Path) -> Cost:
    """Divide the shards of a folder, into a new one."""
    folder.mkdir()
    found = divide(DocumentShards([source]), SplitConfig(), Guard(), folder / "corpus.parquet", folder / "texts.arrow")
    for name, rows in (("train", found.train), ("heldout", found.heldout)):
        write_row_groups(folder / f"{name}.parquet", map(vars, rows), QUESTION_TYPES)
    return _cost()


def check(source: Path, folder: Path, documents: int) -> Cost:
    """Look at a divided dataset as the step does, with a removed value of each kind for each tenth document."""
    folder.mkdir()
    tables = [RowFile(source / name) for name in TABLES]
    config, hidden = CheckConfig(), AnonymizeConfig().hidden
    digests = {entity: Digests(array("Q", range(0, documents, 10))) for entity in hidden}
    leaks = gates.find_leaks({}, tables)
    held = [*gates.size_gates(*tables, config), *gates.content_gates(*tables, config), gates.secret_gate(tables)]
    audited, found = audit_tables(tables, {"records"}, lambda texts: audit(texts, hidden, digests, KEY))
    held += [*gates.privacy_gates(leaks, 0, config), *gates.audit_gates(audited, config)]
    for name in TABLES:
        shutil.copyfile(source / name, folder / name)
    for table in tables:
        card_figures.split_figure(table)
    card_figures.samples(dict(zip(TABLES, tables, strict=True)), found)
    return _cost()


def _cost() -> Cost:
    # of this process alone: getrusage would count what it was forked from
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return Cost(time.process_time(), int(line.split()[1]) >> 10)
