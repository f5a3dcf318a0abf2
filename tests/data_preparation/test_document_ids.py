"""Names of records and files that may tell of people are in no artifact as ids, and can still be asked for."""

import re
from pathlib import Path

import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.data_preparation.aggregate import aggregate, observed
from include.data_preparation.config import AggregateConfig, CollectionConfig, ColumnsConfig, RecordsConfig, SplitConfig
from include.data_preparation.division.questions import question_of
from include.data_preparation.documents import read_all, read_table
from include.data_preparation.sources.document_ids import hidden_id
from tests.data_preparation.test_collections import MOMENT, fill
from tests.data_preparation.test_record_files import json_lines, row

MAIL, LETTER = "anna.schmidt@example.com", "Letter of Anna Schmidt.txt"


def config(folder: Path) -> AggregateConfig:
    mails = fill(folder / "mails", {"a.jsonl": json_lines({"id": MAIL, "text": "A long text of nobody."})})
    letters = fill(folder / "letters", {LETTER: b"Dear all, nothing is said here."})
    notes = fill(folder / "notes", {"a.jsonl": json_lines(row(MAIL, text="A short text of nobody."))})
    return AggregateConfig(
        topics=False, standard_library=False, packages=(), tickets=0, shards=1,
        records=(RecordsConfig(name="notes", location=notes, license="MIT"),),
        collections=(
            CollectionConfig(name="mails", location=mails, license="MIT", columns=ColumnsConfig(id="id")),
            CollectionConfig(name="letters", location=letters, license="MIT"),
        ),
    )  # fmt: skip


def test_ids_are_keyed_digests_unless_they_are_to_be_shown(
    tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = config(tmp_path)
    ref = aggregate.run(store, {"as_of": MOMENT, "config": sources}).ref
    ids = {document.id for document in read_all(store.fetch(ref, tmp_path / "out"))}
    assert {re.sub(r":[a-p]{20}$", "", one) for one in ids} == {
        "record:notes",
        "collection:mails",
        "collection:letters",
    }
    asked = {f"record:notes:{MAIL}", f"collection:mails:{MAIL}", f"collection:letters:{LETTER}"}
    assert {hidden_id(one) for one in asked} == ids
    before = observed(store, MOMENT, sources)
    monkeypatch.setenv("GENAI_PSEUDONYM_KEY", "another key that is long enough for all")
    settings.cache_clear()
    try:
        assert not {hidden_id(one) for one in asked} & ids
        assert observed(store, MOMENT, sources) != before
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_hidden_names_are_no_titles_and_no_questions(tmp_path: Path, store: ArtifactStore) -> None:
    sources = config(tmp_path)
    ref = aggregate.run(store, {"as_of": MOMENT, "config": sources}).ref
    found = read_all(store.fetch(ref, tmp_path / "hidden"))
    assert len(found) == 3 and not any(one.title for one in found)
    assert not any(question_of(one, SplitConfig()) for one in found)
    assert not any("anna" in str(vars(one)).lower() for one in found)

    shown = sources.model_copy(
        update={
            name: tuple(one.model_copy(update={"ids": "shown"}) for one in getattr(sources, name))
            for name in ("records", "collections")
        }
    )
    ref = aggregate.run(store, {"as_of": MOMENT, "config": shown}).ref
    found = read_all(store.fetch(ref, tmp_path / "shown"))
    assert {one.title for one in found} == {MAIL, "Letter of Anna Schmidt"}
    assert all(question_of(one, SplitConfig()) for one in found)


def test_a_file_that_cannot_be_read_is_named_to_who_has_to_mend_it_and_in_no_document(
    tmp_path: Path, store: ArtifactStore
) -> None:
    sources = config(tmp_path).model_copy(update={"max_quarantined_share": 0.5})
    broken = "Complaint of Anna Schmidt.txt"
    fill(tmp_path / "letters", {broken: b"a\0b"})
    outcome = aggregate.run(store, {"as_of": MOMENT, "config": sources})
    folder = store.fetch(outcome.ref, tmp_path / "out")
    assert [entry["file"] for entry in read_table(folder / "quarantined.parquet")] == [broken]
    assert broken in (folder / "report.html").read_text()
    assert not any("Anna" in str(vars(one)) for one in read_all(folder))
    assert "Anna" not in str(outcome.metrics)


def test_ids_of_other_sources_are_as_they_are() -> None:
    assert hidden_id("ticket:T00012") == "ticket:T00012" and hidden_id("docstring:a:b") == "docstring:a:b"
