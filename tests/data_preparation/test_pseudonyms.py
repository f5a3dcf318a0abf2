"""Pseudonyms: the same for the same value everywhere, of no use without the key."""

import json
import tracemalloc
from pathlib import Path

import pytest

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core import settings as deployment
from include.core.errors import ConfigurationError
from include.core.pseudonym_key import key_file, key_id, pseudonym_key
from include.core.settings import Settings
from include.data_preparation.anonymize import anonymize
from include.data_preparation.config import AnonymizeConfig
from include.data_preparation.documents import (
    Document,
    read_all,
    read_documents,
    shard_name,
    write_planted,
)
from include.data_preparation.find_personal_data import find_personal_data
from include.data_preparation.privacy.digests import read_removed
from include.data_preparation.privacy.known_values import REMOVED, KnownValues, digest
from include.privacy.policy import POLICY
from include.privacy.pseudonyms import STANDS_FOR, Pseudonyms
from include.privacy.spans import Span
from tests.data_preparation.conftest import SMALL, Prepared
from tests.data_preparation.shards import write_shards

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("entity", "one", "other"),
    [
        ("PERSON", "Anna Schmidt", "SCHMIDT, Anna"),
        ("PERSON", "Anna  Schmidt", "Anna\nSchmidt"),
        ("PERSON", "Anna Schmidt", "Anna\u00a0Schmidt"),
        ("PHONE_NUMBER", "(212) 555-0142", "212.555.0142"),
        ("PHONE_NUMBER", "030 1234", "\u0660\u0663\u0660\u202f\u0661\u0662\u0663\u0664"),
        ("EMAIL_ADDRESS", "anna-maria@example.com", "anna\u2011maria@example.com"),
        ("IBAN_CODE", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("EMAIL_ADDRESS", "Anna@Example.com", "anna@example.com"),
        ("STREET_ADDRESS", "12 Oak Street,\nSpringfield", "12 Oak Street, Springfield"),
    ],
)
def test_one_value_has_one_pseudonym_however_it_is_written(entity: str, one: str, other: str) -> None:
    pseudonyms = Pseudonyms(KEY, POLICY)
    assert pseudonyms.of(entity, one) == Pseudonyms(KEY, POLICY).of(entity, other)
    assert STANDS_FOR.fullmatch(pseudonyms.of(entity, one))


@pytest.mark.parametrize(
    ("entity", "one", "other"),
    [
        ("PERSON", "Anna Schmidt", "Anna Schmid"),
        ("EMAIL_ADDRESS", "anna.s@example.com", "annas@example.com"),
        ("PHONE_NUMBER", "555-0142", "555-0143"),
    ],
)
def test_other_values_kinds_and_keys_have_other_pseudonyms(entity: str, one: str, other: str) -> None:
    pseudonyms = Pseudonyms(KEY, POLICY)
    assert pseudonyms.of(entity, one) != pseudonyms.of(entity, other)
    assert pseudonyms.of(entity, one) != Pseudonyms(b"l" * 32, POLICY).of(entity, one)
    assert pseudonyms.of("PERSON", one) != pseudonyms.of("ACCOUNT_NUMBER", one)


def test_each_policy_does_what_it_says() -> None:
    policy = AnonymizeConfig.model_validate({"policy": {"PERSON": "redact", "AGE": "hash", "TITLE": "keep"}}).policy
    spans = [Span("TITLE", 0, 3), Span("PERSON", 4, 7), Span("AGE", 9, 11)]
    text = Pseudonyms(KEY, policy).replace("Dr. Ada, 36", spans)
    assert text.startswith("Dr. <PERSON>, ")
    assert len(text.removeprefix("Dr. <PERSON>, ")) == 64


@pytest.mark.parametrize(
    ("entity", "values"),
    [("EMAIL_ADDRESS", ["anna@acme.org", "bob@acme.org"]), ("IP_ADDRESS", ["10.1.2.3", "10.1.2.4", "10.1.2.3"])],
)
def test_values_side_by_side_keep_the_pseudonyms_that_they_have_alone(entity: str, values: list[str]) -> None:
    pseudonyms = Pseudonyms(KEY, POLICY)
    for gap in (" ", "  ", "\n", ""):
        ends = [len(gap.join(values[: place + 1])) for place in range(len(values))]
        spans = [Span(entity, end - len(value), end) for end, value in zip(ends, values, strict=True)]
        assert pseudonyms.replace(gap.join(values), spans) == gap.join(pseudonyms.of(entity, one) for one in values)


def test_the_key_comes_from_the_deployment_and_is_never_told(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_folder": tmp_path})
    with pytest.raises(ConfigurationError, match=r"GENAI_PSEUDONYM_KEY = .*there is no key.*start the local stack"):
        pseudonym_key(settings)
    key_file(settings).parent.mkdir()
    key_file(settings).write_text("from the file, and long enough for it\n")
    assert pseudonym_key(settings) == b"from the file, and long enough for it"
    given = Settings.model_validate({"state_folder": tmp_path, "pseudonym_key": "s3cret"})
    with pytest.raises(ConfigurationError, match="shorter than 32") as raised:
        pseudonym_key(given)
    assert "s3cret" not in f"{raised.value} {given!r} {given.model_dump_json()}"
    assert key_id(KEY) != key_id(b"l" * 32)


def test_another_key_makes_the_step_run_again_and_no_key_stops_it(
    store: ArtifactStore, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {"source": prepared.labelled, "shard": 0, "found": prepared.found, "config": SMALL.anonymize}
    assert anonymize.decide(store, arguments).found
    before = anonymize.parts(store, arguments).config["observed"]["pseudonym_key"]
    monkeypatch.setenv("GENAI_PSEUDONYM_KEY", "another key that is long enough for it")
    deployment.settings.cache_clear()
    assert anonymize.decide(store, arguments).found is None
    assert anonymize.parts(store, arguments).config["observed"]["pseudonym_key"] != before
    monkeypatch.delenv("GENAI_PSEUDONYM_KEY")
    deployment.settings.cache_clear()
    with pytest.raises(ConfigurationError, match="there is no key"):
        anonymize.decide(store, arguments)
    monkeypatch.undo()
    deployment.settings.cache_clear()


def test_a_person_keeps_the_pseudonym_across_shards(store: ArtifactStore, prepared: Prepared, tmp_path: Path) -> None:
    found = []
    for place, ref in enumerate(prepared.anonymized):
        documents = read_documents(store.fetch(ref, tmp_path / str(place)) / shard_name(0))
        found.append({match[0] for one in documents for match in STANDS_FOR.finditer(one.text)})
    assert {name for name in found[0] & found[1] if name.startswith("<PERSON_")}


@step("dataset")
def letters(work: Workspace, shards: int) -> None:
    """One letter that names a customer as letters do, and notes in which no finder would see a name."""
    texts = ["My name is Oleander Quimby, please call me back at (212) 555-0142."]
    texts += [f"see oleander quimby {n} / 2125550142 ok" for n in range(12)]
    documents = [Document(f"tickets:{n}", "tickets", "note", text, "MIT") for n, text in enumerate(texts)]
    write_shards(work.output, documents, shards)
    write_planted(work.output, {}, documents)


@step("report")
def many_removed(work: Workspace, shard: int) -> None:
    """A shard in which a great many names were found."""
    digests = [digest(KEY, "PERSON", f"name {shard} {n}") for n in range(20_000)]
    (work.output / REMOVED).write_text(json.dumps({"PERSON": digests}))


@step("report")
def memory_of_removed(work: Workspace, shards: list[ArtifactRef]) -> None:
    """How much is held of what was removed, and whether it is that."""
    read_removed(work, shards[:1], "shards")  # what it imports is held too
    tracemalloc.start()
    removed = read_removed(work, shards, "shards")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    work.metrics.update(held=held, digests=len(removed["PERSON"]))
    places = KnownValues(KEY, removed)
    work.metrics.update(known=[digest(KEY, "PERSON", f"name {n} 7") in places.digests["PERSON"] for n in range(3)])
    (work.output / "none").write_text("")


def test_what_was_removed_in_all_shards_is_held_in_few_bytes_each(store: ArtifactStore) -> None:
    shards = [many_removed(store, shard=shard) for shard in range(2)]
    metrics = store.manifest(memory_of_removed(store, shards=shards)).metrics
    assert (metrics["digests"], metrics["known"]) == (40_000, [True, True, False])
    assert metrics["held"] < 16 * metrics["digests"]


def _anonymized(store: ArtifactStore, folder: Path, shards: int) -> dict[str, str]:
    source: ArtifactRef = letters(store, shards=shards)
    config = AnonymizeConfig()
    found = [find_personal_data(store, source=source, shard=one, config=config) for one in range(shards)]
    made = [anonymize(store, source=source, shard=one, found=found, config=config) for one in range(shards)]
    return {one.id: one.text for ref in made for one in read_all(store.fetch(ref, folder / ref.fingerprint))}


def test_what_is_found_in_one_shard_is_replaced_in_all(store: ArtifactStore, tmp_path: Path) -> None:
    whole, divided = _anonymized(store, tmp_path, 1), _anonymized(store, tmp_path, 3)
    assert len(whole) == 13
    assert whole == divided
    left = [text for text in whole.values() if "quimby" in text.casefold() or "2125550142" in text]
    assert left == []
