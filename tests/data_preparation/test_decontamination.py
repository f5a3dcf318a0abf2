"""Nothing that is held out, now or earlier, or in an evaluation set, is trained on."""

import gzip
import json
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import SplitConfig
from include.data_preparation.documents import Document, read_table
from include.data_preparation.split import split
from include.evaluation.contamination.evaluation_sets import EvaluationSetConfig, read_evaluation_set, states
from include.evaluation.contamination.phrases import PhraseIndex
from include.evaluation.contamination.protected import Guard, of_answers, of_questions, of_texts
from include.evaluation.contamination.words import normalized, words_of
from include.privacy.policy import POLICY
from include.privacy.pseudonyms import HIDDEN, Pseudonyms
from include.privacy.spans import Span
from tests.data_preparation.dividing import divided
from tests.data_preparation.shards import write_shards

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=9).map(" ".join)
CONFIG = SplitConfig(train=30, heldout=4)


def _documents(count: int) -> list[Document]:
    """Each has a sentence of its own, and is real."""
    return [
        Document(
            f"record:{n}",
            "records",
            f"What is thing {n}?",
            f"Thing number {n} is the one called {'abc'[n % 3]}{n}.",
            "MIT",
        )
        for n in range(count)
    ]


@given(st.lists(WORDS, max_size=8), WORDS)
def test_the_index_finds_what_a_search_for_each_phrase_would(phrases: list[str], text: str) -> None:
    expected = any(normalized(phrase) in normalized(text) for phrase in phrases if phrase)
    found = PhraseIndex(phrases).find(words_of(text))

    assert bool(found) == expected
    assert not found or (
        normalized(found) in normalized(text) and found in {normalized(one).strip() for one in phrases}
    )


def test_a_text_that_shares_a_run_of_words_with_an_evaluation_set_is_kept_out() -> None:
    secret = " ".join(f"secret{number}" for number in range(40))
    documents = _documents(30)
    words = secret.split()
    documents[3] = replace(documents[3], text=documents[3].text + " And " + " ".join(words[7:20]) + " too.")
    documents[4] = replace(documents[4], text=documents[4].text + " And " + " ".join(words[7:19]) + " too.")
    documents[5] = replace(documents[5], title="Yes?")
    guard = Guard([of_texts("exam", [secret, "yes"], 13, 5)])
    train, held, corpus = divided(documents, replace_heldout(documents), guard)

    ids = {row["id"] for row in corpus} | {question.id for question in held}
    assert "record:3" not in ids and {"record:4", "record:5"} <= ids
    assert not {"record:3", "record:5"} & {question.id for question in train}
    assert guard.found["exam"] == 2


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("copied", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_copy_in_another_normal_form_is_kept_out(form: Any, copied: Any) -> None:
    text = "Le caf\u00e9 \u00e9tait d\u00e9j\u00e0 ferm\u00e9 \u00e0 midi, \ufb01ni, et \u0390 y \u00e9tait aussi."
    guard = Guard([of_texts("exam", [unicodedata.normalize(form, text)], 13, 5)])
    assert not guard.holds(f"Voici: {unicodedata.normalize(copied, text)} Fin.")
    assert guard.holds("Le caf\u00e9 \u00e9tait ouvert.")


@given(st.text())
def test_what_is_normalized_stays_as_it_is(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


def replace_heldout(documents: list[Document]) -> SplitConfig:
    """A split that holds none of the first ten out."""
    for seed in range(1000):
        config = CONFIG.model_copy(update={"seed": seed})
        held = divided(documents, config)[1]
        if not {question.id for question in held} & {f"record:{number}" for number in range(10)}:
            return config
    raise AssertionError("no such seed")


def test_what_was_held_out_earlier_is_not_trained_on() -> None:
    documents = _documents(30)
    _, held, _ = divided(documents, CONFIG)
    questions, answers = zip(*((row.question, row.answer) for row in held), strict=True)
    guard = Guard([of_answers("answers", answers), of_questions("questions", questions, 5)])
    train, later, corpus = divided(documents, CONFIG.model_copy(update={"seed": 8}), guard)

    earlier = {row.id for row in held}
    assert earlier - {row.id for row in later}, "the seed decides what is held out"
    assert not earlier & ({row.id for row in train} | {row["id"] for row in corpus})


def test_a_text_with_a_held_out_question_is_kept_out_unless_the_question_is_short() -> None:
    documents = [replace(one, title=f"How do I ever reset part {one.id[7:]}?") for one in _documents(30)]
    documents += [replace(one, id=f"short:{one.id}", text=f"Short {one.text}") for one in _documents(30)]
    held = {row.id: row for row in divided(documents, CONFIG.model_copy(update={"heldout": 12}))[1]}
    long = next(row for row in held.values() if len(words_of(row.question)) >= 5)
    short = next(row for row in held.values() if len(words_of(row.question)) < 5)
    # a document that is held out stays so: these are generated
    copies = [
        Document(f"endpoint:{n}", "endpoint", title, text, "MIT", True)
        for n, (title, text) in enumerate(
            [
                ("What is asked?", f"People ask: {long.question.upper()} Often, so read the manual first."),
                ("What else is asked?", f"People ask: {short.question} Often, so read the manual first of all."),
                (f"Well, {long.question}", "Turn the screw to the left until it stops."),
            ]
        )
    ]
    config = CONFIG.model_copy(update={"heldout": 12, "generated_share": 0.5, "generated_source_share": 0.5})
    guard = Guard()
    train, again, corpus = divided([*documents, *copies], config, guard)

    assert {row.id for row in again} == held.keys()
    assert {row["id"] for row in corpus if row["generated"]} == {"endpoint:1", "endpoint:2"}
    assert [row.id for row in train if row.generated] == ["endpoint:1"]
    # a document and a question
    assert guard.found["held-out questions"] == 2


LETTER = (
    "Dear Anna Schmidt, the parcel for your order K 4711 has left our house in 12 Oak Street, Springfield, and the "
    "driver Bob Miller brings it to you on Monday before noon."
)


def test_a_text_whose_names_are_replaced_is_still_known_as_an_evaluation_text() -> None:
    pseudonyms = Pseudonyms(b"k" * 32, {**POLICY, "STREET_ADDRESS": "redact", "ACCOUNT_NUMBER": "hash"})
    values = ("PERSON", "Anna Schmidt"), ("ACCOUNT_NUMBER", "K 4711"), ("PERSON", "Bob Miller")
    spans = [Span(entity, LETTER.index(value), LETTER.index(value) + len(value)) for entity, value in values]
    start = LETTER.index("12 Oak")
    spans.append(Span("STREET_ADDRESS", start, start + len("12 Oak Street, Springfield")))
    hidden = pseudonyms.replace(LETTER, spans)
    assert not any(name in hidden for name in ("Anna", "4711", "Oak", "Miller"))
    guard = Guard([of_texts("exam", [LETTER, "Which town did Anna Schmidt live in?"], 13, 5)], hides=HIDDEN)
    assert not guard.holds(f"From the archive: {hidden}")
    assert not guard.holds(f"Which town did {pseudonyms.of('PERSON', 'Anna Schmidt')} live in?")

    # what is left of it is too little, goes on otherwise, or has more in a gap than a value has words
    assert guard.holds("The parcel for your order <ACCOUNT_NUMBER> has come, and <PERSON> brings it to you on Tuesday.")
    assert guard.holds("Which town did <PERSON> come from?")
    assert guard.holds(" ".join(["<PERSON>"] * 40))
    assert guard.holds("The parcel for <PERSON> to you on Monday before noon.")
    assert Guard([of_questions("held-out questions", ["Which town did Anna live in?"], 5)]).holds(
        "Which town did <PERSON> live in?"
    ), "what is held out is anonymized itself"


@step("dataset")
def made(work: Workspace, count: int) -> None:
    write_shards(work.output, _documents(count), 2)


def test_the_split_reads_earlier_datasets_and_declared_sets(store: ArtifactStore, tmp_path: Path) -> None:
    sources = [made(store, count=40)]
    first = split(store, sources=sources, earlier=[], config=CONFIG)
    taught, held = (
        PhraseIndex(row["answer"] for row in read_table(store.fetch(first, tmp_path / "first") / f"{name}.parquet"))
        for name in ("train", "heldout")
    )
    exam = tmp_path / "exam"
    exam.mkdir()
    with gzip.open(exam / "set.jsonl.gz", "wt") as file:
        file.write(json.dumps({"question": "?", "answer": _documents(8)[7].text}) + "\n")
    config = CONFIG.model_copy(
        update={"seed": 8, "evaluation_sets": (EvaluationSetConfig(name="exam", location=str(exam)),)}
    )
    again = split(store, sources=sources, earlier=[first], config=config)
    folder = store.fetch(again, tmp_path / "again")

    texts = [words_of(row["text"]) for row in read_table(folder / "corpus.parquet")]
    assert any(map(taught.find, texts)) and not any(map(held.find, texts))
    assert not any("number 7 is" in " ".join(text) for text in texts)
    kept_out = store.manifest(again).metrics["kept_out"]
    assert kept_out["answers held out earlier"] and kept_out["exam"] == 1

    (exam / "more.jsonl").write_text(json.dumps({"answer": _documents(10)[9].text}))
    assert split(store, sources=sources, earlier=[first], config=config) != again, "a set that grows counts"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("_SUCCESS", b"", "there are no files"),
        ("set.csv", b"a,b", r"set\.csv': it does not end in"),
        ("set.jsonl", b"", "no row has a text in"),
        ("set.jsonl", b'{"question": " "}', "no row has a text in"),
        ("set.jsonl", b"{", "it is damaged"),
        ("set.jsonl", b"[1]", "no JSON object"),
        ("set.jsonl", b'{"prompt": "a"}', "no row has a text in"),
        ("set.jsonl.gz", b"no gzip", "it is damaged"),
        ("set.parquet", b"no parquet", "it is damaged"),
    ],
)
def test_an_evaluation_set_that_cannot_be_read_is_an_error(
    store: Any, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=problem):
        read_evaluation_set(store, EvaluationSetConfig(name="exam", location=str(tmp_path)))


def test_every_file_of_an_evaluation_set_counts(store: Any, tmp_path: Path) -> None:
    folder = tmp_path / "exam"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("x")
    (folder / "_SUCCESS").write_text("")
    (folder / "a.jsonl").write_text('{"question": "What is it?"}')
    (folder / "b.jsonl").symlink_to("a.jsonl")
    one = EvaluationSetConfig(name="exam", location=str(folder))
    assert read_evaluation_set(store, one) == ["What is it?"] * 2

    (folder / "c.jsonl").write_text('{"prompt": "What is it?"}')
    with pytest.raises(SourceError, match=r"c\.jsonl': no row has a text in"):
        read_evaluation_set(store, one)
    (tmp_path / "outside.jsonl").write_text('{"question": "What is that?"}')
    (folder / "c.jsonl").unlink()
    (folder / "c.jsonl").symlink_to(tmp_path / "outside.jsonl")
    for read in (read_evaluation_set, lambda store, one: states(store, (one,))):
        with pytest.raises(SourceError, match=r"c\.jsonl': a link that leads out"):
            read(store, one)
