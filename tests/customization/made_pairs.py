"""A tiny model, questions and pairs, and the descriptions of jobs on them."""

from typing import Any

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.customization.preferences.pairs import PAIR_TYPES
from tests.training.sample_dataset import sample_dataset
from tests.training.tiny_model import tiny_model


@step("dataset")
def made_pairs(work: Workspace, count: int) -> None:
    """Pairs of which the better answer says please."""
    import pyarrow
    import pyarrow.parquet

    rows = [(f"p{i}", f"What is {i}?", f"{i}, please.", f"{i}, no!", "made", "MIT") for i in range(count)]
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in PAIR_TYPES.items()])
    table = pyarrow.Table.from_pylist([dict(zip(PAIR_TYPES, row, strict=True)) for row in rows], schema=schema)
    pyarrow.parquet.write_table(table, work.output / "preferences.parquet")


def inputs(store: ArtifactStore) -> dict[str, ArtifactRef]:
    """The artifacts that all jobs get."""
    dataset = sample_dataset(store, train=40, heldout=4)
    return {"model": tiny_model(store), "dataset": dataset, "preferences": made_pairs(store, count=16)}


def spec_of(store: ArtifactStore, config: Any, reward_model: ArtifactRef | None = None) -> dict[str, Any]:
    """A job as customization.tune describes it."""
    refs = inputs(store)
    told: dict[str, Any] = {name: ref.model_dump() for name, ref in refs.items()}
    told |= {"resume": None, "share": 1.0, "config": config.model_dump(), "canaries": refs["dataset"].digest}
    return told | {"reward_model": reward_model.model_dump() if reward_model else None}
