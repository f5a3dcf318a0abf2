"""What nobody wrote is never held out, and is capped in train and corpus, whichever generator it comes from."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.card import gates
from include.data_preparation.config import CheckConfig, SplitConfig
from include.data_preparation.config.sources import GENERATORS
from include.data_preparation.documents import Document, read_table
from include.evaluation.contamination.words import normalized
from tests.data_preparation.conftest import Prepared
from tests.data_preparation.dividing import divided

WORDS = st.lists(st.sampled_from(["read", "write", "open", "file", "text", "list", "lock"]), min_size=2, max_size=8)
# where a document comes from, and whether it is marked as generated; a generator's that lost its mark is one too
KINDS = [
    ("docstrings", False),
    ("docstrings", True),
    *((name, marked) for name in GENERATORS for marked in (True, False)),
]
DOCUMENTS = st.lists(st.tuples(WORDS, WORDS, st.sampled_from(KINDS)), min_size=12, max_size=60)
MADE = {(source, marked) for source, marked in KINDS if marked or source in GENERATORS}


def _documents(rows: list[tuple[list[str], list[str], tuple[str, bool]]]) -> list[Document]:
    real = [
        Document(f"docstrings:r{n}", "docstrings", f"module.name{n}", f"Returns the value of number {n} to you.", "MIT")
        for n in range(12)
    ]
    return real + [
        Document(
            f"{source}:{n}",
            source,
            f"What is it to {' '.join(title)}? the data API" if source != "docstrings" else " ".join(title),
            " ".join(["The", *words, "now."]),
            "MIT",
            marked,
            label="bug",
        )
        for n, (title, words, (source, marked)) in enumerate(rows)
    ]


@settings(max_examples=100, deadline=None)
@given(DOCUMENTS, st.integers(1, 6), st.integers(0, 99), st.sampled_from([0.0, 0.1, 0.3]), st.sampled_from([0.1, 0.3]))
def test_no_generator_gets_into_evaluation_or_over_its_share(
    rows: list[tuple[list[str], list[str], tuple[str, bool]]], heldout: int, seed: int, each: float, total: float
) -> None:
    documents = _documents(rows)
    made = {one.id for one in documents if (one.source, one.generated) in MADE}
    config = SplitConfig(train=30, heldout=heldout, generated_share=total, generated_source_share=each, seed=seed)
    try:
        train, held, corpus = divided(documents, config)
    except SourceError:
        return

    assert not {row.id for row in held} & made and not any(row.generated for row in held)
    assert {row.id for row in train if row.generated} == {row.id for row in train} & made
    counts = Counter(row.source for row in train if row.generated)
    assert counts.total() <= total * len(train) and all(count <= each * len(train) for count in counts.values())
    counts = Counter(row["source"] for row in corpus if row["id"] in made)
    assert counts.total() <= total * len(corpus) and all(count <= each * len(corpus) for count in counts.values())
    assert {row["id"] for row in corpus} | made | {row.id for row in held} >= {one.id for one in documents[:12]}
    asked = {normalized(row.question) for row in held}
    assert not asked & {normalized(row.question) for row in train}


def test_templates_do_not_drown_the_corpus() -> None:
    real = [
        Document(f"docstrings:{n}", "docstrings", f"module.name{n}", f"Returns the value of number {n} to you.", "MIT")
        for n in range(200)
    ]
    made = [
        Document(f"templates:{n}", "templates", f"What is {n}?", f"It is the written text {n}.", "MIT", True)
        for n in range(5000)
    ]
    _, held, corpus = divided([*real, *made], SplitConfig(train=60, heldout=20))
    assert Counter(row["source"] for row in corpus) == {"docstrings": 180, "templates": 20}
    assert {one.id for one in real} == {row["id"] for row in corpus if not row["generated"]} | {row.id for row in held}

    rows = [{"text": one.text, "source": one.source, "generated": one.generated} for one in [*real, *made]]
    failed = [gate.name for gate in gates.content_gates([], [], rows, CheckConfig()) if not gate.passed]
    assert failed == ["generated share of the corpus", "share of one generator in the corpus"]


def test_a_written_question_that_is_held_out_is_not_trained_on() -> None:
    documents = _documents([])
    held = divided(documents, SplitConfig(train=6, heldout=4, generated_share=0.5, generated_source_share=0.5))[1]
    copies = [
        Document(f"endpoint:{n}", "endpoint", row.question.upper(), f"Another answer is number {n} here.", "MIT", True)
        for n, row in enumerate(held)
    ]
    fresh = Document("endpoint:new", "endpoint", "What is new?", "This answer belongs to no other.", "MIT", True)
    train = divided(
        [*documents, *copies, fresh], SplitConfig(train=6, heldout=4, generated_share=0.5, generated_source_share=0.5)
    )[0]
    assert [row.id for row in train if row.generated] == ["endpoint:new"]


@pytest.mark.parametrize("source", GENERATORS)
def test_the_gates_know_a_generator_by_its_name(source: str) -> None:
    row = {"question": "a", "answer": "b", "source": source, "generated": False}
    real = {"question": "c", "answer": "d", "source": "docstrings", "generated": False}
    failed = [gate.name for gate in gates.content_gates([real], [row], [], CheckConfig()) if not gate.passed]
    assert failed == ["generated questions in heldout"]

    rows = [{**row, "question": f"{n}", "answer": f"x{n}", "generated": True} for n in range(3)]
    rows += [{**real, "question": f"r{n}", "answer": f"y{n}"} for n in range(7)]
    found = gates.content_gates(rows, [], [], CheckConfig(max_generated_share=0.5))
    assert [gate.name for gate in found if not gate.passed] == ["share of one generator in train"]


def test_written_texts_go_the_whole_way_and_the_card_tells_of_them(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    folder = store.fetch(prepared.final, tmp_path)
    train, heldout, corpus = (read_table(folder / f"{name}.parquet") for name in ("train", "heldout", "corpus"))
    card = json.loads((folder / "card.json").read_text())

    written = [row for row in corpus if row["source"] == "templates"]
    assert written and all(row["generated"] and row["license"] == "Apache-2.0" for row in written)
    assert any(row["source"] == "templates" and row["question"].startswith("Whom do I ask about") for row in train)
    assert not {row["source"] for row in heldout} & set(GENERATORS)
    (row,) = [row for row in card["sources"] if row["name"] == "generated by templates"]
    assert row["records"] == 8 and row["licences"] == {"Apache-2.0": 8}
    assert card["splits"]["train"]["generated"] == sum(row["generated"] for row in train)
    assert "share of one generator in train" in {gate["name"] for gate in card["gates"]}
