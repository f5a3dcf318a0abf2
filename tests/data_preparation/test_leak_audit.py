"""The audit of the finished dataset finds what was left, by other means, and never says what it is."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import GenaiError
from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings
from include.data_preparation.audit_leaks import audit_leaks
from include.data_preparation.card.gates import audit_gates
from include.data_preparation.check import check
from include.data_preparation.config import AnonymizeConfig, CheckConfig
from include.data_preparation.privacy.audited import TABLES, audit_tables, joined
from include.data_preparation.privacy.known_values import REMOVED, KnownValues, removed
from include.data_preparation.privacy.leak_audit import Audit, audit, texts_of
from include.data_preparation.row_files import RowFile
from include.privacy.pseudonyms import Pseudonyms
from include.privacy.spans import Span
from tests.data_preparation.conftest import SMALL, Prepared

KEY = b"k" * 32
HIDDEN = AnonymizeConfig().hidden
VALUES = {
    "PERSON": ["Anna Schmidt", "Will"],
    "PHONE_NUMBER": ["030 / 123 45 67"],
    "EMAIL_ADDRESS": ["Anna@intern"],
    "STREET_ADDRESS": ["12 Oak Street, Springfield", "12"],
    "ACCOUNT_NUMBER": ["K 4711 0815"],
}
DIGESTS = removed(KEY, VALUES)


def look(*texts: str, key: bytes = KEY) -> Audit:
    return audit(texts, HIDDEN, DIGESTS, key)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("Please ask SCHMIDT, Anna about it.", "PERSON"),
        ("signed anna\nschmidt", "PERSON"),
        ("call 0301234567 today", "PHONE_NUMBER"),
        ("to anna@intern, please", "EMAIL_ADDRESS"),
        ("sent to 12 OAK STREET Springfield.", "STREET_ADDRESS"),
        ("customer K-4711-0815 again", "ACCOUNT_NUMBER"),
        ("Anna\u00a0Schmidt called", "PERSON"),
        ("from <ANNA_SCHMIDT> and <PERSON_7KQ2>", "PERSON"),
        ("call 030\u20111234567 today", "PHONE_NUMBER"),
        ("sent to 12\u202fOak\u00a0Street Springfield.", "STREET_ADDRESS"),
        ("customer K\u20114711\u20130815 again", "ACCOUNT_NUMBER"),
    ],
)
def test_a_value_removed_in_one_text_is_found_in_another(text: str, entity: str) -> None:
    assert look(text).known == {entity: 1}
    assert look(text, key=b"l" * 32).known == {}


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("mail joe@example.com", "EMAIL_ADDRESS"),
        ("card 4000 0012 3456 7899", "CREDIT_CARD"),
        ("DE89 3704 0044 0532 0130 00", "IBAN_CODE"),
        ("from 203.0.113.9 again", "IP_ADDRESS"),
        ("call (212) 555-0142", "PHONE_NUMBER"),
        ("card 5500\u20110055\u20115555\u20115559", "CREDIT_CARD"),
        ("Call 555\u2013123\u20134567", "PHONE_NUMBER"),
        ("DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000", "IBAN_CODE"),
    ],
)
def test_what_nobody_planted_or_removed_is_found_by_its_shape(text: str, entity: str) -> None:
    found = look(text)
    assert found.numbers >= 1 and entity in found.by_entity
    gates = audit_gates(found, CheckConfig())
    assert not gates[0].passed and gates[0].private
    assert not any(word in str(gates) for word in text.split() if len(word) > 5)


def test_pseudonyms_dates_versions_and_words_are_no_leak() -> None:
    hidden = Pseudonyms(KEY, AnonymizeConfig().policy).replace("Anna Schmidt", [Span("PERSON", 0, 12)])
    found = look(
        f"{hidden} will call on 2025-03-04 10:15 about 3.11.7, INV-4711, 12 seats and error 0x80070005.",
        "def f(x): return x[1:12]  # f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "Will Oak Street be closed? 127.0.0.1 answers.",
    )
    assert (found.texts, found.by_entity, found.texts_with_known_names) == (3, {}, 0)
    assert all(gate.passed for gate in audit_gates(found, CheckConfig()))


def test_digests_tell_nothing_and_short_values_are_not_kept() -> None:
    assert {entity: len(some) for entity, some in DIGESTS.items()} == dict.fromkeys(sorted(VALUES), 1)
    assert "anna" not in json.dumps(DIGESTS).casefold()
    assert removed(b"l" * 32, VALUES) != DIGESTS


def test_only_texts_of_sensitive_sources_are_looked_at() -> None:
    rows = [
        {"source": "tickets", "question": "a", "answer": "b"},
        {"source": "docstrings", "question": "c", "answer": "d"},
    ]
    assert texts_of([rows, [{"source": "tickets", "text": "a"}]], {"tickets"}) == ["a", "b"]


def test_a_value_found_in_any_text_is_known_in_all_and_the_longest_wins() -> None:
    known = KnownValues(KEY, removed(KEY, VALUES | {"PERSON": ["Anna Schmidt", "Maria Anna Schmidt", "May"]}))
    text = "ask schmidt, anna or May; maria anna schmidt, 030-1234567"
    spans = known.with_known(text, [Span("PERSON", 21, 24)])
    assert [text[span.start : span.end] for span in spans] == [
        "schmidt, anna",
        "May",
        "maria anna schmidt",
        "030-1234567",
    ]


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("Mark Page", "The lines in 97 mark page after page, and page mark is kept", ""),
        ("User Data", "user_data = load(); the user data is kept", ""),
        ("Mark Page", "Mark page 3 as read; Page Mark is a setting", ""),
        ("Joy Reading", "they joy reading, joyed reading", ""),
        ("Mark Page", "ask Mark Page", "Mark Page"),
        ("Mark Page", "ask PAGE, MARK", "PAGE, MARK"),
        ("Page, Mark", "ask Mark Page", "Mark Page"),
        ("Peter Novak", "ask peter novak", "peter novak"),
        ("Anna Maria Schmidt", "ask schmidt, anna maria", "schmidt, anna maria"),
        ("Ludwig van Beethoven", "by Ludwig van Beethoven", "Ludwig van Beethoven"),
    ],
)
def test_a_known_name_is_no_sentence_of_ordinary_words_and_the_audit_agrees(name: str, text: str, found: str) -> None:
    digests = removed(KEY, {"PERSON": [name]})
    assert [text[span.start : span.end] for span in KnownValues(KEY, digests).places(text)] == [found][: bool(found)]
    assert audit([text], HIDDEN, digests, KEY).known == ({"PERSON": 1} if found else {})


def test_the_finished_dataset_is_audited_and_the_digests_are_in_no_published_file(
    store: ArtifactStore, prepared: Prepared
) -> None:
    metrics = store.manifest(prepared.final).metrics
    assert metrics["audited"] > 20
    assert metrics["audit"]["numbers"] == 0
    for ref in prepared.anonymized:
        found = json.loads(store.read(ref, REMOVED))
        assert found["PERSON"] and found["EMAIL_ADDRESS"]
    assert REMOVED not in {file.path for file in store.manifest(prepared.final).files}


def test_an_audit_that_cannot_run_publishes_nothing(
    store: ArtifactStore, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("aggregated", "cleaned", "deduplicated", "labelled", "synthetic", "charter")
    arguments = {name: getattr(prepared, name) for name in names} | {"dataset": prepared.divided, "config": SMALL.check}
    # shards that say nothing of what was removed: as if another step had made them
    with pytest.raises(GenaiError, match="does not say what was removed"):
        audit_leaks(store, dataset=prepared.divided, anonymized=prepared.cleaned, part=0)
    arguments |= {"anonymized": prepared.anonymized}
    with pytest.raises(GenaiError, match="nobody looked in part 1 of"):
        check(store, audits=prepared.audits[:1], **arguments)
    with pytest.raises(GenaiError, match=r"audits = 'none': nobody looked in part 0"):
        check(store, audits=[], **arguments)
    with pytest.raises(GenaiError, match="nobody looked in part 0"):
        check(store, audits=prepared.audits, **arguments | {"dataset": prepared.final})
    # the whole dataset, and what was removed in one of its shards
    few = [audit_leaks(store, dataset=prepared.divided, anonymized=prepared.anonymized[:1], part=0)]
    with pytest.raises(GenaiError, match=rf"part 0 of .* of all {len(prepared.anonymized)} shards"):
        check(store, audits=few, **arguments)
    monkeypatch.delenv("GENAI_PSEUDONYM_KEY")
    settings.cache_clear()
    with pytest.raises(GenaiError, match="there is no key"):
        audit_leaks(store, dataset=prepared.divided, anonymized=prepared.anonymized, part=0)
    monkeypatch.undo()
    settings.cache_clear()
    assert pseudonym_key(settings())


@step("dataset")
def shard_with(work: Workspace, sources: list[str], hidden: list[str], values: dict[str, list[str]]) -> None:
    """What anonymization says of a shard: which sources it looked at, for which kinds, and what it removed."""
    (work.output / REMOVED).write_text(json.dumps(removed(pseudonym_key(settings()), values)))
    work.metrics.update(sources=sources, hidden=hidden)


@step("dataset")
def finished(work: Workspace) -> None:
    """A dataset with a letter that nobody anonymized."""
    texts = ["ask Oleander Quimby", "mail joe@example.com"]
    for name in TABLES:
        rows = [{"id": f"{name}:{n}", "source": "letters", "text": text} for n, text in enumerate(texts)]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), work.output / name, row_group_size=1)


@pytest.mark.parametrize(
    ("first", "second", "known", "mail"),
    [
        # what differs between the shards: what was removed, the sources, the kinds
        (
            (["letters"], ["PERSON", "EMAIL_ADDRESS"], {}),
            (["letters"], ["PERSON", "EMAIL_ADDRESS"], {"PERSON": ["Oleander Quimby"]}),
            3,
            3,
        ),
        ((["notes"], ["PERSON"], {"PERSON": ["Oleander Quimby"]}), (["letters"], ["PERSON"], {}), 3, 0),
        ((["letters"], ["PERSON"], {}), (["letters"], ["EMAIL_ADDRESS"], {}), 0, 3),
    ],
)
def test_what_only_one_shard_says_is_looked_for_in_all(
    store: ArtifactStore, first: tuple[Any, ...], second: tuple[Any, ...], known: int, mail: int
) -> None:
    for shards in ((first, second), (second, first)):
        anonymized = [shard_with(store, sources=one[0], hidden=one[1], values=one[2]) for one in shards]
        dataset = finished(store)
        parts = [audit_leaks(store, dataset=dataset, anonymized=anonymized, part=part) for part in range(2)]
        found = joined([store.manifest(part).metrics for part in parts])
        assert (found.known.get("PERSON", 0), found.shapes.get("EMAIL_ADDRESS", 0)) == (known, mail)


def test_parts_of_the_audit_are_what_one_would_find(tmp_path: Path) -> None:
    rows = [{"id": f"tickets:{n}", "source": "tickets", "text": f"mail joe{n}@example.com"} for n in range(9)]
    path = tmp_path / "corpus.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
    parts = [audit_tables([RowFile(path, part, 3)], {"tickets"}, lambda texts: look(*texts)) for part in range(3)]
    whole, documents = audit_tables([RowFile(path)], {"tickets"}, lambda texts: look(*texts))
    assert joined([asdict(found) for found, _ in parts]) == whole
    assert [len(found) for _, found in parts] == [4, 3, 2]
    assert set().union(*(found for _, found in parts)) == documents == {row["id"] for row in rows}
