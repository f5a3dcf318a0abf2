"""Documents that are asked about for their label: many share an answer, and no held-out text is trained on."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT
from include.data_preparation.card.gates import content_gates
from include.data_preparation.config import CheckConfig, SplitConfig
from include.data_preparation.division.questions import LONGEST, question_of
from include.data_preparation.documents import Document
from include.evaluation.contamination.protected import Guard, of_answers, telltale
from include.use_cases import load_use_case
from tests.data_preparation.dividing import divided

ASKED = {"sources": ["mail"], "question": "Which team? {text}", "answer": "{label}"}
CONFIG = SplitConfig.model_validate({"label_questions": [ASKED], "heldout": 8})
TEAMS = ("IT", "Legal")


def mail(number: int) -> Document:
    text = f"The thing number {number} that I ordered for room {number * 7} is not there yet."
    return Document(f"mail:{number}", "mail", "", text, "MIT", label=TEAMS[number % 2], label_confidence=0.95)


def test_the_question_is_the_text_and_the_answer_its_label() -> None:
    found = question_of(mail(1), CONFIG)
    assert found
    assert (found.question, found.answer) == (f"Which team? {mail(1).text}", "Legal")
    assert question_of(replace(mail(1), label="other"), CONFIG) is None
    assert question_of(replace(mail(1), source="wiki"), CONFIG) is None  # no title, as ever


def test_a_long_text_is_cut_at_a_word() -> None:
    found = question_of(replace(mail(1), text="word " * 500), CONFIG)
    assert found
    assert LONGEST - len(" word") <= len(found.question) <= LONGEST
    assert found.question.endswith("word")


def test_many_questions_share_an_answer_and_none_a_text_with_what_is_held_out() -> None:
    documents = [mail(number) for number in range(60)]
    again = Document("wiki:1", "wiki", "Orders", f"Somebody wrote to us. {documents[0].text} We answered.", "MIT")
    train, heldout, corpus = divided([*documents, again], CONFIG)
    assert len(heldout) == 8
    assert len(train) + len(heldout) >= 60
    assert {row.answer for row in train if row.source == "mail"} == set(TEAMS)
    held = [mail(int(row.id.partition(":")[2])).text for row in heldout if row.source == "mail"]
    assert held
    assert not any(text in row["text"] for row in corpus for text in held)
    assert not any(text in row.question for row in train for text in held)
    gates = content_gates([vars(row) for row in train], [vars(row) for row in heldout], corpus, CheckConfig())
    assert [gate.name for gate in gates if not gate.passed] == []


def test_a_text_that_contains_a_held_out_one_is_kept_out() -> None:
    documents = [mail(number) for number in range(60)]
    _, heldout, _ = divided(documents, CONFIG)
    first = next(one for one in documents if one.id == heldout[0].id)
    copy = Document("wiki:1", "wiki", "Orders", f"Somebody wrote to us. {first.text} We answered.", "MIT")
    train, again, corpus = divided([*documents, copy], CONFIG)
    assert first.id in {row.id for row in again}
    assert copy.id not in {row.id for row in train} | {row["id"] for row in corpus}


def test_what_is_held_out_tells_by_its_text_and_by_its_answer_where_there_is_none() -> None:
    row = vars(question_of(mail(1), CONFIG))
    assert telltale(row) == mail(1).text
    assert telltale({"answer": "It gives the length.", "telltale": ""}) == "It gives the length."
    assert telltale({"answer": "It gives the length."}) == "It gives the length."  # of a dataset made before
    guard = Guard([of_answers("held out", [telltale(row)])])
    assert guard.lets_teach("Which team? Another text.", "Legal")
    assert not guard.lets_teach(f"Which team? {mail(1).text}", "Legal")


@pytest.mark.parametrize(("field", "value"), [("question", "Which team?"), ("answer", "IT")])
def test_question_and_answer_name_what_they_stand_for(field: str, value: str) -> None:
    with pytest.raises(ValidationError, match="it has to name"):
        SplitConfig.model_validate({"label_questions": [ASKED | {field: value}]})


def test_a_source_is_asked_about_once_and_has_labels(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="mail is asked about twice"):
        SplitConfig.model_validate({"label_questions": [ASKED, ASKED]})
    text = (PROJECT_ROOT / "include" / "use_cases" / "request_routing.yaml").read_text()
    (tmp_path / "routing.yaml").write_text(text)
    assert load_use_case("routing", folder=tmp_path)
    with pytest.raises(ConfigurationError, match=r"label_questions\.0\.sources = 'requests': no taxonomy labels"):
        load_use_case("routing", {"data_preparation.label.taxonomies": []}, tmp_path)


def test_a_correction_of_one_word_is_learned_where_the_use_case_says_so() -> None:
    corrected = Document("feedback:1", "feedback", "Which team? It rains in.", "Facilities", "MIT")
    assert question_of(corrected, CONFIG) is None
    found = question_of(corrected, load_use_case("request_routing").data_preparation.split)
    assert found and (found.question, found.answer) == ("Which team? It rains in.", "Facilities")
