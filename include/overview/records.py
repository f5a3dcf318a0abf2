"""The newest records of the tasks whose results a use case's page shows."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from include.artifacts.bucket import StoredObject
from include.artifacts.history import RUNS, RunRecord
from include.core.errors import CorruptedArtifactError
from include.overview.kept import Reader, parsed

CHECK, GATE = "data_preparation.check", "customization.gate"
# the rungs of a race are as many as the use case says
SHOWN = (
    "strategy.charter/",
    f"{CHECK}/",
    "training.pretrain/",
    f"{GATE}/",
    "customization.rung_",
    "customization.tune/",
    "customization.train_reward_model/",
)
READERS = 8
Records = Mapping[str, tuple[RunRecord, ...]]


def read_records(reader: Reader, use_case: str, shown: Iterable[str] = SHOWN) -> Records:
    """Task -> its record in the run that looks at the newest moment, of mapped tasks one an instance; by one listing a
    task. Records that are damaged are left out: they explain, and decide nothing."""
    base = f"{RUNS}{use_case}/"
    with ThreadPoolExecutor(READERS) as pool:
        listed = [
            item for items in pool.map(lambda name: reader.bucket.objects(f"{base}{name}"), shown) for item in items
        ]
        newest = _newest(base, listed)
        read = pool.map(lambda item: _record(reader, item), [item for items in newest.values() for item in items])
        records = [record for record in read if record is not None]
    found: dict[str, list[RunRecord]] = {}
    for record in sorted(records, key=lambda one: one.place.map_index):
        found.setdefault(record.place.task, []).append(record)
    return {task: tuple(ones) for task, ones in found.items()}


def _newest(base: str, items: list[StoredObject]) -> dict[str, list[StoredObject]]:
    """Task -> what its newest run has left: that of the newest moment, of equal ones the one written last."""
    runs: dict[str, dict[str, list[StoredObject]]] = {}
    for item in items:
        task, _, rest = item.key.removeprefix(base).partition("/")
        runs.setdefault(task, {}).setdefault(rest.rpartition("/")[2], []).append(item)

    def age(run: tuple[str, list[StoredObject]]) -> tuple[str, object]:
        name, mine = run
        return name.partition("~")[0], max(item.modified for item in mine)

    return {task: max(by_run.items(), key=age)[1] for task, by_run in runs.items()}


def _record(reader: Reader, item: StoredObject) -> RunRecord | None:
    try:
        return parsed(RunRecord, reader.object(item), item.key)
    except CorruptedArtifactError:
        return None
