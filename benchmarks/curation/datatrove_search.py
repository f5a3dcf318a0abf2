"""datatrove's MinHash pipeline on the same documents: signatures, buckets, clusters, filter."""

import resource
import time
from pathlib import Path

from benchmarks.curation.search import Found
from benchmarks.curation.stages import CONFIG
from include.data_preparation.duplicates.shingles import bands


def search(documents: Path, folder: Path, shards: int, workers: int) -> Found:
    """Its own executor and defaults; shingles, bands and rows are those of this project's search."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers.parquet import ParquetWriter
    from datatrove.utils.hashing import HashConfig

    number, rows = bands(CONFIG.near_duplicate, CONFIG.permutations)
    # its default, xxhash, fails with releases of xxhash that no longer take text
    hashes = HashConfig(hash_fc="sha1")
    config = MinhashConfig(n_grams=CONFIG.shingle_words, num_buckets=number, hashes_per_bucket=rows, hash_config=hashes)
    paths = {name: str(folder / name) for name in ("signatures", "buckets", "removed", "kept", "logs")}
    stages = [
        (shards, [ParquetReader(str(documents)), MinhashDedupSignature(paths["signatures"], config=config)]),
        (number, [MinhashDedupBuckets(paths["signatures"], paths["buckets"], config=config)]),
        (1, [MinhashDedupCluster(paths["buckets"], paths["removed"], config=config)]),
        (
            shards,
            [
                ParquetReader(str(documents)),
                MinhashDedupFilter(paths["removed"]),
                ParquetWriter(paths["kept"]),
            ],
        ),
    ]
    started, before = time.monotonic(), _processor_seconds()
    for stage, (tasks, pipeline) in enumerate(stages):
        LocalPipelineExecutor(
            pipeline=pipeline,
            tasks=tasks,
            workers=min(workers, tasks),
            logging_dir=f"{paths['logs']}/{stage}",
            # the fastest to start, and their processor time can be read
            start_method="fork",
        ).run()
    seconds, spent = time.monotonic() - started, _processor_seconds() - before
    return Found(seconds, spent, _ids(documents) - _ids(Path(paths["kept"])), {})


def _processor_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _ids(folder: Path) -> set[str]:
    import pyarrow.parquet

    tables = [pyarrow.parquet.read_table(path, columns=["id"]) for path in folder.rglob("*.parquet")]
    return {name for table in tables for name in table["id"].to_pylist()}
