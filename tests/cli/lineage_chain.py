"""A small workflow on a real store whose steps write the tables they are told to, under the real steps' names."""

from dataclasses import dataclass
from typing import Any

from include.artifacts.history import Place
from include.artifacts.outcome import Outcome, record
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Step
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.data_preparation.documents import Dropped, write_rows, write_table
from include.inferencing import champion
from include.inferencing.champion import Serving
from tests.gates import put_in_service

USE_CASE = "small"
KINDS = {
    "data_preparation": "dataset",
    "training.pretrain": "model",
    "training.import_pretrained": "model",
    "customization.tune": "adapter",
    "customization.train_reward_model": "adapter",
    "customization.collect_preferences": "dataset",
    "evaluation.evaluate": "report",
    "inferencing.package": "package",
}


def _work(work: Workspace, tables: dict[str, list[str]], dropped: dict[str, str] | None = None, **_: Any) -> None:
    """Tables of ids, and the ids that were dropped with the reasons."""
    import pyarrow

    for path, ids in tables.items():
        column = "ticket_id" if path.startswith("ticket") else "id"
        rows = [{column: id, "source": id.partition(":")[0], "license": "Apache-2.0"} for id in ids]
        schema = pyarrow.schema([(name, pyarrow.string()) for name in (column, "source", "license")])
        write_table(work.output / path, pyarrow.Table.from_pylist(rows, schema=schema))
    if dropped is not None:
        stage = work.step.rpartition(".")[2]
        rows_dropped = [Dropped(id, id.partition(":")[0], stage, reason) for id, reason in dropped.items()]
        write_rows(work.output / "dropped.parquet", Dropped, rows_dropped)
    (work.output / "made.txt").write_text(work.step)
    work.metrics["documents"] = sum(map(len, tables.values()))


def make(
    store: ArtifactStore,
    name: str,
    tables: dict[str, list[str]] | None = None,
    *,
    run: str = "run-1",
    force: bool = False,
    **arguments: Any,
) -> ArtifactRef:
    """One step of a run."""
    kind = KINDS.get(name) or KINDS[name.partition(".")[0]]
    made: Step[...] = Step(_work, kind)  # type: ignore[arg-type]
    made.name = name
    place = Place(use_case=USE_CASE, run_id=run, as_of="2026-11-01T00:00:00+00:00", task=name)
    return made.run(store, {"tables": tables or {}} | arguments, place=place, force=force).ref


def deploy(store: ArtifactStore, package: ArtifactRef, run: str = "run-1") -> str:
    """What a deployment leaves in the store; the model's name."""
    serving = Serving(model_name=champion.model_name(USE_CASE, package), package=package)
    place = Place(use_case=USE_CASE, run_id=run, as_of="2026-11-01T00:00:00+00:00", task="inferencing.deploy")
    served = put_in_service(store, place, serving).champion
    assert served and served.package == package
    record(store, place, Outcome(package, False, "ran", {}, 0.1))
    return serving.model_name


@dataclass(frozen=True)
class Chain:
    """References of a run's artifacts, and the deployed model's name."""

    aggregated: ArtifactRef
    cleaned: list[ArtifactRef]
    divided: ArtifactRef
    checked: ArtifactRef
    scratch: ArtifactRef
    pretrained: ArtifactRef
    adapter: ArtifactRef
    package: ArtifactRef
    model_name: str


def run_chain(store: ArtifactStore, run: str = "run-1") -> Chain:
    """doc:0 is trained on, doc:1 held out, doc:2 in the corpus only; clean drops doc:3, deduplicate doc:4, split T1."""
    shards = [["doc:0", "doc:1", "doc:3"], ["doc:2", "doc:4", "ticket:T1"]]
    tables = {f"documents-{number:05}.parquet": ids for number, ids in enumerate(shards)}
    aggregated = make(store, "data_preparation.aggregate", tables | {"tickets_table.parquet": ["T1"]}, run=run)
    kept = [["doc:0", "doc:1"], ["doc:2", "doc:4", "ticket:T1"]]
    cleaned = [
        make(
            store,
            "data_preparation.clean",
            {"documents-00000.parquet": ids},
            run=run,
            source=aggregated,
            shard=shard,
            dropped={"doc:3": "too short"} if shard == 0 else {},
        )
        for shard, ids in enumerate(kept)
    ]
    distinct = {"documents-00000.parquet": ["doc:0", "doc:1", "doc:2", "ticket:T1"]}
    dropped = {"doc:4": "same text as doc:2"}
    deduplicated = make(store, "data_preparation.deduplicate", distinct, run=run, sources=cleaned, dropped=dropped)
    synthetic = make(store, "data_preparation.synthesize", {"tickets.parquet": ["S1"]}, run=run, source=aggregated)
    final = {"train.parquet": ["doc:0"], "heldout.parquet": ["doc:1"], "corpus.parquet": ["doc:0", "doc:2"]}
    divided = make(store, "data_preparation.split", final, run=run, sources=[deduplicated])
    checked = make(
        store,
        "data_preparation.check",
        final | {"tickets.parquet": ["S1"]},
        run=run,
        dataset=divided,
        aggregated=aggregated,
        cleaned=cleaned,
        synthetic=synthetic,
    )
    scratch = make(store, "training.pretrain", run=run, dataset=checked)
    pretrained = make(store, "training.import_pretrained", run=run)
    lora = {"technique": "lora"}
    adapter = make(store, "customization.tune", run=run, model=pretrained, dataset=checked, config=lora)
    make(store, "evaluation.evaluate", run=run, model=pretrained, adapter=adapter, dataset=checked)
    package = make(store, "inferencing.package", run=run, model=pretrained, adapter=adapter)
    name = deploy(store, package, run)
    return Chain(aggregated, cleaned, divided, checked, scratch, pretrained, adapter, package, name)
