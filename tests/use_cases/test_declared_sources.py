"""What is read is declared, and what is personal is anonymized."""

import pytest

from include.core.errors import ConfigurationError
from include.use_cases import load_use_case


def test_a_use_case_needs_no_tickets() -> None:
    sources = [{"name": "docstrings", "sensitivity": "public"}]
    changes = {"data_preparation.aggregate.tickets": 0, "strategy.data_sources": sources}
    assert load_use_case("python_assistant", changes).data_preparation.aggregate.tickets == 0


def test_tickets_are_not_read_undeclared() -> None:
    with pytest.raises(ConfigurationError, match=r"strategy\.data_sources = \['docstrings'\]: tickets are aggregated"):
        load_use_case("python_assistant", {"strategy.data_sources": [{"name": "docstrings", "sensitivity": "public"}]})


def test_a_personal_source_has_to_be_anonymized() -> None:
    with pytest.raises(
        ConfigurationError, match=r"data_preparation\.anonymize\.sources = .*tickets, feedback as personal"
    ):
        load_use_case("python_assistant", {"data_preparation.anonymize.sources": ["docstrings"]})


def test_records_are_declared_and_anonymized_where_they_are_personal() -> None:
    records = {"data_preparation.aggregate.records": [{"name": "notes", "location": "s3:sources/notes/"}]}
    with pytest.raises(ConfigurationError, match=r"records are aggregated, and their sensitivity.*source records here"):
        load_use_case("python_assistant", records)
    sources = [{"name": name, "sensitivity": "personal"} for name in ("tickets", "records")]
    declared = records | {"strategy.data_sources": sources}
    assert load_use_case("python_assistant", declared).data_preparation.anonymize.sources == (
        "tickets",
        "records",
        "endpoint",
        "feedback",
    )
    with pytest.raises(ConfigurationError, match=r"declares records as personal"):
        load_use_case("python_assistant", declared | {"data_preparation.anonymize.sources": ["tickets"]})


def test_collections_are_declared_by_name_and_anonymized_where_they_are_personal() -> None:
    location = {"name": "manuals", "location": "s3:sources/manuals/", "license": "MIT"}
    read = {"data_preparation.aggregate.collections": [location]}
    with pytest.raises(ConfigurationError, match=r"manuals are aggregated, and their sensitivity.*source manuals here"):
        load_use_case("python_assistant", read)
    sources = [{"name": name, "sensitivity": "personal"} for name in ("tickets", "manuals")]
    with pytest.raises(ConfigurationError, match=r"declares manuals as personal"):
        load_use_case("python_assistant", read | {"strategy.data_sources": sources})
    anonymized = {"data_preparation.anonymize.sources": ["tickets", "manuals"]}
    found = load_use_case("python_assistant", read | {"strategy.data_sources": sources} | anonymized)
    assert found.data_preparation.aggregate.collections[0].columns.text == "text"
    with pytest.raises(
        ConfigurationError, match=r"anonymize\.sources = 'manuels': the workflow reads no.*mean manuals\?"
    ):
        wrong = {"data_preparation.anonymize.sources": ["tickets", "manuels"]}
        load_use_case("python_assistant", read | {"strategy.data_sources": sources} | wrong)


def test_what_is_personal_keeps_nothing_that_leads_to_people() -> None:
    for kind in ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "STREET_ADDRESS", "IBAN_CODE", "ACCOUNT_NUMBER"):
        with pytest.raises(
            ConfigurationError, match=rf"anonymize\.policy\.{kind} = 'keep'.*tickets, feedback would be"
        ):
            load_use_case("python_assistant", {"data_preparation.anonymize.policy": {kind: "keep"}})
    load_use_case("python_assistant", {"data_preparation.anonymize.policy": {"AGE": "keep", "PERSON": "redact"}})


def test_ids_of_what_is_anonymized_are_hidden() -> None:
    sources = [{"name": name, "sensitivity": "personal"} for name in ("tickets", "mails")]
    mails = {"name": "mails", "location": "s3:mails/", "license": "MIT"}
    asked = {"strategy.data_sources": sources, "data_preparation.anonymize.sources": ["tickets", "mails"]}
    load_use_case("python_assistant", asked | {"data_preparation.aggregate.collections": [mails]})
    with pytest.raises(ConfigurationError, match=r"aggregate\.collections\.0\.ids = 'shown': the source is anonymized"):
        shown = {"data_preparation.aggregate.collections": [mails | {"ids": "shown"}]}
        load_use_case("python_assistant", asked | shown)


def test_files_of_pairs_are_declared_and_hold_nothing_personal() -> None:
    files = {"customization.preferences.files": [{"name": "people", "location": "data/pairs", "license": "MIT"}]}
    sources = load_use_case("python_assistant").model_dump(mode="json")["strategy"]["data_sources"]
    with pytest.raises(ConfigurationError, match=r"their sensitivity is not declared. Declare the source people"):
        load_use_case("python_assistant", files)
    for sensitivity, said in (("personal", r"files\.0 = 'people': .*not anonymized"), ("internal", "")):
        declared = {"strategy.data_sources": [*sources, {"name": "people", "sensitivity": sensitivity}]}
        if said:
            anonymized = {"data_preparation.anonymize.sources": ["tickets", "feedback", "people"]}
            with pytest.raises(ConfigurationError, match=said):
                load_use_case("python_assistant", files | declared | anonymized)
        else:
            assert load_use_case("python_assistant", files | declared).customization.preferences.files
