"""Labels, the split, the synthetic table, the gates, and that all of it comes out the same again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.data_preparation.card import gates
from include.data_preparation.card.data_card import NOTICE
from include.data_preparation.check import check
from include.data_preparation.config import CheckConfig, LabelConfig, SplitConfig
from include.data_preparation.division.questions import first_sentences, question_of
from include.data_preparation.documents import Document, read_table
from include.data_preparation.label import label
from include.data_preparation.split import split
from include.evaluation.contamination.words import normalized
from tests.data_preparation.conftest import LATER, SMALL, USE_CASE, Prepared
from tests.data_preparation.dividing import divided
from tests.data_preparation.sample_charter import sample_charter

WORDS = st.lists(st.sampled_from(["read", "write", "open", "file", "text", "list", "lock"]), min_size=2, max_size=8)


def _document(name: str, text: str, generated: bool = False) -> Document:
    source = "tickets" if generated else "docstrings"
    return Document(f"{source}:{name}", source, f"{name}: data API", text, "MIT", generated, label="bug")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Remove common whitespace from every line.\n\nMore.", "Remove common whitespace from every line."),
        ("dumps(obj) -> str\n\nReturn obj as a JSON string", "Return obj as a JSON string."),
        ("Open a file.  Use it e.g. for reading.\n:param name: the name", "Open a file. Use it e.g. for reading."),
        ("Return a list of:\n\n  x\n", ""),
        (">>> f()\n1", ""),
        ("word " * 200, ""),
        (
            "   stmt ::= 'assert' expression\n\nAssert statements insert assertions.",
            "Assert statements insert assertions.",
        ),
    ],
)
def test_the_answer_is_the_first_sentences_of_prose(text: str, answer: str) -> None:
    assert first_sentences(text, SplitConfig()) == answer


def test_a_class_a_function_and_a_ticket_are_asked_about_differently() -> None:
    asked = [
        question_of(document, SplitConfig())
        for document in (
            Document("1", "docstrings", "threading.Lock", "A lock that one thread holds.", "MIT"),
            Document("2", "docstrings", "textwrap.dedent", "Remove common leading whitespace.", "MIT"),
            _document("T1", "The data API raises KeyError since the update.", generated=True),
        )
    ]
    assert all(question is not None for question in asked)
    assert [question.generated for question in asked if question] == [False, False, True]
    assert asked[2] and asked[2].answer == "This is a request of the category bug about the data API."
    assert asked[0] and "does `" not in asked[0].question


def test_what_is_longer_than_people_ask_is_no_question() -> None:
    document = Document("collection:a:1", "a", "word " * 90, "It is a text of some words.", "MIT")
    assert question_of(document, SplitConfig())
    assert question_of(replace(document, title="word " * 110), SplitConfig()) is None
    written = replace(document, source="templates", title="What is it? " * 60)
    assert question_of(written, SplitConfig()) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(WORDS, st.booleans()), min_size=8, max_size=40), st.integers(1, 6), st.integers(0, 99))
def test_nothing_held_out_is_seen_in_training(rows: list[tuple[list[str], bool]], heldout: int, seed: int) -> None:
    documents = [
        _document(f"d{index}", " ".join(["The", *words, "now."]), generated)
        for index, (words, generated) in enumerate(rows)
    ]
    config = SplitConfig(train=20, heldout=heldout, generated_share=0.25, seed=seed)
    try:
        train, held, corpus = divided(documents, config)
    except SourceError as error:
        assert "unique real questions" in str(error) or "shares its answer" in str(error)
        return

    assert len(held) == heldout and 0 < len(train) <= 20
    assert not any(row.generated for row in held)
    assert sum(row.generated for row in train) <= 0.25 * len(train)
    for column in ("question", "answer"):
        mine = {normalized(getattr(row, column)) for row in held}
        assert len(mine) == heldout
        assert not mine & {normalized(getattr(row, column)) for row in train}
    assert not {row.id for row in held} & {row["id"] for row in corpus}
    assert {row.id for row in train} <= {row["id"] for row in corpus}
    assert [row["id"] for row in corpus] == sorted(row["id"] for row in corpus)
    for text in (normalized(row["text"]) for row in corpus):
        assert not any(normalized(row.answer) in text for row in held)
    assert divided(documents[::-1], config, shards=5) == (train, held, corpus)


def test_too_few_questions_are_named(store: ArtifactStore, prepared: Prepared) -> None:
    with pytest.raises(SourceError, match=r"split\.heldout = 50000.*unique real questions.*hold out fewer"):
        split(store, sources=prepared.anonymized, earlier=[], config=SplitConfig(heldout=50_000))


def test_labels_agree_with_the_known_categories(store: ArtifactStore, prepared: Prepared, tmp_path: Path) -> None:
    metrics = store.manifest(prepared.labelled).metrics
    assert metrics["ticket_accuracy"] >= 0.9
    assert {"language reference", "networking", "billing", "outage"} <= metrics["by_label"].keys()

    config = LabelConfig(min_confidence=1.0)
    arguments = {"source": prepared.deduplicated, "use_case": USE_CASE, "as_of": LATER, "config": config}
    strict = label.run(store, arguments)
    assert strict.metrics["unlabelled"] > metrics["unlabelled"]


def test_the_same_inputs_give_the_same_bytes(store: ArtifactStore, prepared: Prepared) -> None:
    divided = split.run(store, {"sources": prepared.anonymized, "earlier": [], "config": SMALL.split}, force=True)

    assert not divided.reused and divided.ref == prepared.divided


def test_the_final_dataset_passes_and_says_what_it_is(store: ArtifactStore, prepared: Prepared, tmp_path: Path) -> None:
    metrics = store.manifest(prepared.final).metrics
    folder = store.fetch(prepared.final, tmp_path / "final")
    card = json.loads((folder / "card.json").read_text())
    page = (folder / "report.html").read_text()

    assert metrics["passed"], metrics["verdict"]
    assert list(metrics)[:3] == ["train", "heldout", "corpus"]
    heldout = read_table(folder / "heldout.parquet")
    told = ["id", "question", "answer", "source", "label", "license", "generated", "weight", "telltale"]
    assert list(heldout[0]) == told
    assert list(read_table(folder / "corpus.parquet")[0]) == ["id", "text", "source", "license", "generated"]
    assert len(heldout) == 24 == metrics["heldout"]
    stages = {stage["name"]: stage["records"] for stage in card["funnel"]}
    assert stages["aggregated"] > stages["deduplicated"] > stages["train"]
    assert card["notice"] == NOTICE and NOTICE in page and "Dropped, by reason" in page


def _check(
    store: ArtifactStore, prepared: Prepared, limits: dict[str, object], config: CheckConfig
) -> dict[str, object]:
    return check.run(
        store,
        {
            "dataset": prepared.divided,
            "aggregated": prepared.aggregated,
            "cleaned": prepared.cleaned,
            "deduplicated": prepared.deduplicated,
            "labelled": prepared.labelled,
            "anonymized": prepared.anonymized,
            "audits": prepared.audits,
            "synthetic": prepared.synthetic,
            "charter": sample_charter(store, limits=limits),
            "config": config,
        },
    ).metrics


def test_a_failed_gate_is_told_and_not_raised(store: ArtifactStore, prepared: Prepared) -> None:
    strict = SMALL.check.model_copy(update={"min_heldout": 1000, "min_synthetic_quality": 1.0})
    metrics = _check(store, prepared, {"licences": ["MIT", "PSF-2.0"]}, strict)

    assert metrics["passed"] is False
    verdict = str(metrics["verdict"])
    assert "heldout size: 24 (allowed: at least 1000)" in verdict
    assert "quality of the synthetic tables" in verdict
    assert "licences outside the charter: Apache-2.0, BSD-3-Clause (allowed: MIT, PSF-2.0)" in verdict


def test_a_charter_without_licences_bounds_nothing_and_a_wrong_one_is_named(
    store: ArtifactStore, prepared: Prepared
) -> None:
    assert _check(store, prepared, {}, SMALL.check)["passed"] is True
    with pytest.raises(ConfigurationError, match=r"charter\.limits\.licences = 'MIT'"):
        _check(store, prepared, {"licences": "MIT"}, SMALL.check)


def test_leaks_and_mixed_up_rows_fail_their_gates() -> None:
    planted = {
        "t": {"personal": [{"entity": "CREDIT_CARD", "value": "4000 1"}, {"entity": "PERSON", "value": "Al Li"}]}
    }
    row = {"id": "t", "question": "Who is Al\nLi?", "answer": "", "generated": True}
    row |= {"license": "GPL-3.0-only", "source": "tickets"}
    text = {"id": "t", "text": "Pay with 4000 1.", "license": "MIT OR GPL-3.0-only"}
    text |= {"source": "tickets", "generated": False}
    leaks = gates.find_leaks(planted, ([row], [row], [text]))
    results = [
        *gates.content_gates([row], [row], [text], CheckConfig()),
        *gates.privacy_gates(leaks, 1, CheckConfig()),
        *gates.licence_gates([[row], [text]], gates.CharterLimits.model_validate({"limits": {"licences": ["MIT"]}})),
        gates.loss_gate(100, 10, CheckConfig()),
    ]

    assert [leak.entity for leak in leaks] == ["CREDIT_CARD", "PERSON"]
    assert [gate.name for gate in results if gate.passed] == ["corpus texts with a held-out answer"]
    assert results[-2].measured == "GPL-3.0-only"
