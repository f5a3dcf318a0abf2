"""What changed since the dataset of the earlier run: counted by source, told in words, and never a gate."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.data_preparation.card.card_figures import split_figure
from include.data_preparation.card.data_card import CARD_FILE, DataCard, write_figures
from include.data_preparation.card.dataset_changes import shift, sources_moved
from include.data_preparation.compare_datasets import CHANGES_FILE, compare_datasets
from include.data_preparation.division.sorted_texts import TEXT_TYPES
from include.data_preparation.row_files import write_row_groups
from include.data_preparation.split import QUESTION_TYPES
from tests.data_preparation.conftest import Prepared


@step("dataset")
def made(
    work: Workspace, texts: dict[str, str], labels: dict[str, str], card: dict[str, Any], other_schema: bool
) -> None:
    """A finished dataset whose documents are called source:name."""
    common: dict[str, dict[str, Any]] = {
        key: {"id": key, "source": key.partition(":")[0], "license": "MIT", "generated": False} for key in texts
    }
    corpus = [{**common[key], "text": text} for key, text in sorted(texts.items())]
    asked = [
        {**common[key], "question": f"What is {key}?", "answer": texts[key], "label": label}
        for key, label in labels.items()
    ]
    splits = {"train": asked, "heldout": asked[:1], "corpus": corpus}
    for name, rows in splits.items():
        types = TEXT_TYPES if name == "corpus" else QUESTION_TYPES
        write_row_groups(work.output / f"{name}.parquet", rows, types)
    figures = {name: split_figure(rows) for name, rows in splits.items()}
    write_figures(work.output, DataCard.model_validate(card | {"splits": figures}))
    if other_schema:
        (work.output / CARD_FILE).write_text('{"schema_version": 99}')


@pytest.fixture(scope="module")
def card(store: ArtifactStore, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A real card, whose splits are replaced."""
    folder = store.fetch(prepared.final, tmp_path_factory.mktemp("card") / "final", only=CARD_FILE)
    found: dict[str, Any] = json.loads((folder / CARD_FILE).read_text())
    return found


@pytest.fixture(scope="module")
def earlier(store: ArtifactStore, card: dict[str, Any]) -> ArtifactRef:
    texts = {"notes:a": "The queue is full.", "notes:b": "The disk is full.", "wiki:c": "A page about queues."}
    return made(store, texts=texts, labels={"notes:a": "bug", "notes:b": "bug"}, card=card, other_schema=False)


@pytest.fixture(scope="module")
def later(store: ArtifactStore, card: dict[str, Any]) -> ArtifactRef:
    texts = {"notes:a": "The queue is full.", "notes:b": "The disk is full again.", "mail:d": "A new letter of Monday."}
    return made(store, texts=texts, labels={"notes:a": "bug", "mail:d": "billing"}, card=card, other_schema=False)


def test_records_that_came_went_and_changed_are_counted_by_source(
    store: ArtifactStore, earlier: ArtifactRef, later: ArtifactRef, tmp_path: Path
) -> None:
    ref = compare_datasets(store, dataset=later, previous=earlier)
    folder = store.fetch(ref, tmp_path / "compared")
    found = json.loads((folder / CHANGES_FILE).read_text())["records"]
    corpus = {row["source"]: row for row in found if row["split"] == "corpus"}

    counted = {name: (row["added"], row["removed"], row["changed"], row["same"]) for name, row in corpus.items()}
    assert counted == {"mail": (1, 0, 0, 0), "notes": (0, 0, 1, 1), "wiki": (0, 1, 0, 0)}
    metrics = store.manifest(ref).metrics
    assert (metrics["added"], metrics["removed"], metrics["changed"]) == (2, 2, 1)
    assert metrics["verdict"].startswith("train: 1 added, 1 removed, 0 changed; ")


def test_shares_that_moved_are_told_with_what_is_new(
    store: ArtifactStore, earlier: ArtifactRef, later: ArtifactRef, tmp_path: Path
) -> None:
    ref = compare_datasets(store, dataset=later, previous=earlier)
    metrics, page = store.manifest(ref).metrics, (store.fetch(ref, tmp_path / "c") / "report.html").read_text()
    assert metrics["divergence"]["labels of train"] > 0.1 and "labels of train (0." in metrics["verdict"]
    assert metrics["divergence"]["languages of cleaned documents"] == 0
    assert "billing" in page and "Jensen-Shannon" in page and "<svg" in page


def test_without_an_earlier_dataset_it_says_so_and_passes(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    ref = compare_datasets(store, dataset=prepared.final, previous=None)
    assert store.manifest(ref).metrics["passed"] is True
    assert "There is no earlier dataset that differs" in (store.fetch(ref, tmp_path / "c") / "report.html").read_text()


def test_a_real_dataset_against_itself_has_not_moved(store: ArtifactStore, prepared: Prepared) -> None:
    metrics = store.manifest(compare_datasets(store, dataset=prepared.final, previous=prepared.final)).metrics
    assert metrics["added"] == metrics["removed"] == metrics["changed"] == 0
    assert set(metrics["divergence"].values()) == {0}


def test_records_are_compared_with_a_card_of_another_version(
    store: ArtifactStore, later: ArtifactRef, card: dict[str, Any], tmp_path: Path
) -> None:
    old = made(store, texts={"notes:a": "The queue is full."}, labels={"notes:a": "bug"}, card=card, other_schema=True)
    ref = compare_datasets(store, dataset=later, previous=old)
    assert store.manifest(ref).metrics["added"] == 3
    assert "card is of another version" in (store.fetch(ref, tmp_path / "c") / "report.html").read_text()


COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 50))


@given(COUNTS, COUNTS)
def test_divergence_is_symmetric_and_between_none_and_all(one: dict[str, int], two: dict[str, int]) -> None:
    there, back = shift("x", one, two), shift("x", two, one)
    assert there.divergence == pytest.approx(back.divergence, abs=1e-3) and 0 <= there.divergence <= 1.0001
    assert (there.new, there.gone) == (back.gone, back.new)
    assert shift("x", one, one).divergence == pytest.approx(0, abs=1e-6)


def test_sources_that_came_went_and_changed_are_named(prepared: Prepared, card: dict[str, Any]) -> None:
    now = DataCard.model_validate(card)
    first, second, *rest = now.sources
    before = now.model_copy(
        update={
            "sources": (
                first.model_copy(update={"digest": "0" * 64, "records": 1}),
                *rest,
                second.model_copy(update={"name": "old wiki", "records": 7}),
            )
        }
    )
    became = {name: (records, state) for name, records, _, state in sources_moved(before, now)}
    assert became[first.name] == (1, "changed")
    assert became[second.name] == (0, "new")
    assert became["old wiki"] == (7, "gone")
    assert {became[one.name][1] for one in rest} == {"the same"}


def test_nothing_in_common_is_one() -> None:
    assert shift("x", {"a": 3}, {"b": 5}) == ("x", 1.0, ("b",), ("a",))
    assert shift("x", {}, {"b": 5}).divergence == 1.0
