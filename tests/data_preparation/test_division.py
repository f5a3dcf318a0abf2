"""What a division is made of: documents by rank, texts by id and rows in groups, however few are held at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data_preparation.config import SplitConfig
from include.data_preparation.division import document_shards, shares, sorted_texts
from include.data_preparation.division.document_shards import DocumentShards, by_rank
from include.data_preparation.division.sorted_texts import TEXT_TYPES, SortedTexts
from include.data_preparation.documents import Document, rank
from include.data_preparation.row_files import RowFile, write_row_groups
from tests.data_preparation.dividing import divided
from tests.data_preparation.shards import write_shards


def _row(name: str, text: str = "a") -> dict[str, Any]:
    return {"id": name, "text": text, "source": "wiki", "license": "MIT", "generated": False}


@pytest.mark.parametrize("count", [1, 3, 7, 40, 100])
@pytest.mark.parametrize("most", [2, 1 << 16])
def test_documents_come_by_rank_however_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, most: int
) -> None:
    monkeypatch.setattr(document_shards, "MOST", most)
    documents = [Document(f"d{n}", "wiki" if n % 3 else "tickets", "", "", "MIT") for n in range(60)]
    write_shards(tmp_path, documents, 4)
    real = sorted((one.id for one in documents if one.source == "wiki"), key=lambda name: rank(5, name))

    shards = DocumentShards([tmp_path])
    found = by_rank(shards, 5, lambda place: not place.made, lambda one: one.id if one.id != "d7" else None, count)
    assert list(found) == [name for name in real if name != "d7"]
    last = document_shards.rank_number(5, real[10])
    assert list(by_rank(shards, 5, lambda place: not place.made, lambda one: one.id, count, last)) == real[:11]


@given(st.lists(st.lists(st.text("abc", max_size=4)), max_size=5))
def test_texts_come_back_by_id_whatever_order_they_came_in(
    tmp_path_factory: pytest.TempPathFactory, runs: Sequence[Sequence[str]]
) -> None:
    names = [name for run in runs for name in sorted(run)]
    path = tmp_path_factory.mktemp("texts") / "texts.arrow"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_texts, "BATCH_ROWS", 2)
        with SortedTexts(path) as texts:
            for name in names:
                texts.add(_row(name))
            assert [row["id"] for row in texts.in_order()] == sorted(names)
    assert not path.exists()


def test_long_texts_make_many_row_groups_and_short_ones_few(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for rows, groups in (
        ([_row(str(n), "a" * 5_000_000) for n in range(5)], 3),
        ([_row(str(n)) for n in range(99)], 1),
    ):
        assert write_row_groups(path, iter(rows), TEXT_TYPES) == len(rows) == len(RowFile(path))
        assert pyarrow.parquet.read_metadata(path).num_row_groups == groups
        assert list(RowFile(path)) == rows
    assert write_row_groups(path, [], TEXT_TYPES) == len(RowFile(path)) == len(list(RowFile(path))) == 0


MADE = st.lists(st.tuples(st.sampled_from(["tickets", "templates", "endpoint"]), st.booleans()), max_size=60)


@settings(max_examples=40, deadline=None)
@given(MADE, st.integers(0, 40), st.sampled_from([0.0, 0.1, 0.5]), st.sampled_from([0.1, 0.3, 0.5]))
def test_generated_texts_of_the_corpus_are_taken_in_turns(
    made: list[tuple[str, bool]], real: int, each: float, total: float
) -> None:
    documents = [Document(f"{source}:{n}", source, "", f"Made {n}.", "MIT") for n, (source, _) in enumerate(made)]
    documents += [
        Document(f"wiki:{n}", "wiki", f"thing {n}", f"The real thing is number {n}.", "MIT") for n in range(real + 3)
    ]
    config = SplitConfig(heldout=1, generated_share=total, generated_source_share=each)
    corpus = divided(documents, config, shards=3)[2]

    by_source: dict[str, list[str]] = {}
    for one in sorted(documents, key=lambda one: rank(config.seed, one.id)):
        by_source.setdefault(one.source, []).append(one.id)
    turns = [
        (turn, rank(config.seed, name), name)
        for source, names in by_source.items()
        if source != "wiki"
        for turn, name in enumerate(names[: shares.most_beside(real + 2, each)])
    ]
    expected = {name for _, _, name in sorted(turns)[: shares.most_beside(real + 2, total)]}
    assert {row["id"] for row in corpus if row["source"] != "wiki"} == expected
