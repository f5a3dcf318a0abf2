"""Personal data: found, replaced consistently, measured, and not seen where there is none."""

import re
import socket
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import PLANTED, read_documents, read_planted, shard_name
from include.data_preparation.privacy.leak_audit import audit
from include.privacy.personal_data import PersonalDataFinder
from include.privacy.pseudonyms import Pseudonyms
from include.privacy.spans import Score, Span, locate
from tests.data_preparation.conftest import Prepared

KEY = b"k" * 32
LETTER = (
    "My name is Anna Schmidt and I live at 12 Oak Street, Springfield, IL 62704.\n"
    "Write to anna.schmidt@example.com or call (212) 555-0142. The card is 4000 0012 3456 7899, "
    "the account DE89370400440532013000, customer AC-20481734, my address 10.2.3.4.\n"
    "Anna Schmidt"
)
TECHNICAL = Path(__file__).with_name("technical_sentences.txt").read_text("utf-8").splitlines()


@pytest.fixture(scope="module")
def finder() -> PersonalDataFinder:
    return PersonalDataFinder(AnonymizeConfig())


def test_a_letter_is_anonymized_and_one_person_keeps_one_pseudonym(finder: PersonalDataFinder) -> None:
    (spans,) = finder.find([LETTER])
    text = Pseudonyms(KEY, AnonymizeConfig().policy).replace(LETTER, spans)
    name = re.search(r"<PERSON_\w{10}>", text)
    assert name

    assert re.sub(r"_\w{10}>", ">", text) == (
        "My name is <PERSON> and I live at <STREET_ADDRESS>.\n"
        "Write to <EMAIL_ADDRESS> or call <PHONE_NUMBER>. The card is <CREDIT_CARD>, "
        "the account <IBAN_CODE>, customer <ACCOUNT_NUMBER>, my address <IP_ADDRESS>.\n"
        "<PERSON>"
    )
    assert text.endswith(name[0])


def test_a_letter_is_anonymized_alike_in_any_typography(finder: PersonalDataFinder) -> None:
    typeset = LETTER.replace("a S", "a\u00a0S").replace("-", "\u2011").replace("4000 0", "4000\u202f0")
    assert typeset.count("\u00a0") == 2
    plain, other = (
        Pseudonyms(KEY, AnonymizeConfig().policy).replace(text, finder.find([text])[0]) for text in (LETTER, typeset)
    )
    assert plain == other


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111111111111111 was sent.",
        "Order 4111 111 1111 11111, please",
        "an \u7528\u6237@\u4f8b\u5b50.\u516c\u53f8 bitte",
        "J\u00fcrgen@m\u00fcller.de wrote to o'neil&sons@example.com/x",
        "GB82WEST12345698765432 or gb82 west 1234 5698 7654 32",
    ],
)
def test_the_audit_finds_nothing_in_what_the_finder_has_replaced(finder: PersonalDataFinder, text: str) -> None:
    config = AnonymizeConfig()
    assert audit([text], config.hidden, {}, KEY).numbers
    left = Pseudonyms(KEY, config.policy).replace(text, finder.find([text])[0])
    assert audit([left], config.hidden, {}, KEY).by_entity == {}


def test_what_only_looks_like_an_address_stays_and_the_audit_agrees(finder: PersonalDataFinder) -> None:
    texts = ["std::vector::iterator and ab::cd", "git clone git@github.com:user/repo.git"]
    assert finder.find(texts) == [[], []]
    assert audit(texts, AnonymizeConfig().hidden, {}, KEY).by_entity == {}


def test_dates_versions_and_code_stay(finder: PersonalDataFinder) -> None:
    flagged = [text for text, spans in zip(TECHNICAL, finder.find(TECHNICAL), strict=True) if spans]
    assert flagged == []


def test_documentation_is_hardly_touched(finder: PersonalDataFinder) -> None:
    """Paragraphs that are nobody's: CPython's own reference, of which the tagger has seen nothing."""
    texts = [part for topic in sorted(topics) for part in topics[topic].split("\n\n") if 60 < len(part) < 400][::4]
    assert len(texts) > 300
    assert sum(bool(spans) for spans in finder.find(texts)) <= 0.1 * len(texts)


@pytest.mark.parametrize("text", ["", "\x00", "a" * 20_000, "🙂" * 50, "<PERSON_1> " * 20, "\\n" * 9, "1" * 5000])
def test_hostile_texts_do_not_stop_the_finder(finder: PersonalDataFinder, text: str) -> None:
    (spans,) = finder.find([text])
    assert isinstance(Pseudonyms(KEY, AnonymizeConfig().policy).replace(text, spans), str)


def test_finding_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"network: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (spans,) = PersonalDataFinder(AnonymizeConfig()).find(["Mail joe@example.com"])
    assert [span.entity for span in spans] == ["EMAIL_ADDRESS"]


def test_a_policy_names_what_it_changes_and_knows_its_kinds() -> None:
    config = AnonymizeConfig.model_validate({"policy": {"URL": "redact", "PERSON": "keep"}})
    chosen = [config.policy[entity] for entity in ("URL", "PERSON", "IBAN_CODE")]
    assert chosen == ["redact", "keep", "pseudonym"]
    with pytest.raises(ValidationError, match="nothing finds SHOE_SIZE; choose among ACCOUNT_NUMBER"):
        AnonymizeConfig.model_validate({"policy": {"SHOE_SIZE": "redact"}})


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
