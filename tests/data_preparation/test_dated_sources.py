"""Datasets as of a moment: what is rebuilt, what is reused, and the gate against a source that shrinks."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import Workspace
from include.core.errors import ChangedMeanwhileError, ConfigurationError, SourceError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.compare_sources import compare_sources
from include.data_preparation.config import AggregateConfig, CompareSourcesConfig, RecordsConfig
from include.data_preparation.documents import Document, read_all, read_planted, read_table
from include.data_preparation.sources import sorted_rows
from include.data_preparation.sources.dated_sources import dated_sources
from include.data_preparation.support_tickets.ticket_exports import ticket_versions

TICKETS_ONLY = AggregateConfig(topics=False, standard_library=False, packages=(), shards=1, ticket_export_days=10)
MARCH = datetime(2025, 3, 1, tzinfo=UTC)


def at(store: ArtifactStore, moment: str | datetime, config: AggregateConfig) -> Outcome:
    moment = moment if isinstance(moment, str) else moment.isoformat()
    return aggregate.run(store, {"as_of": moment, "config": config})


def documents(store: ArtifactStore, ref: ArtifactRef, folder: Path) -> dict[str, Document]:
    target = store.fetch(ref, folder / ref.fingerprint[:12])
    return {document.id: document for document in read_all(target)}


class Notes:
    """A source of records whose lines a test appends to."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.file = folder / "notes.jsonl"
        source = RecordsConfig(name="notes", location=str(folder), license="MIT", ids="shown")
        self.config = TICKETS_ONLY.model_copy(update={"tickets": 0, "records": (source,), **changes})

    def add(self, name: str, recorded: str, text: str = "A note.", event: str = "2026-01-01", **more: Any) -> None:
        row = {"id": name, "event_time": event, "recorded_at": recorded, "text": text, **more}
        with self.file.open("a") as lines:
            lines.write(json.dumps(row) + "\n")


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    (tmp_path / "notes").mkdir()
    return Notes(tmp_path / "notes")


def test_thirty_days_in_which_three_brought_news_aggregate_three_times(store: ArtifactStore) -> None:
    # the ticket system exports on 2025-03-07, 03-17, 03-27 and 04-06
    outcomes = [at(store, MARCH + timedelta(days=number), TICKETS_ONLY) for number in range(7, 37)]

    ran = [number for number, outcome in enumerate(outcomes, 7) if not outcome.reused]
    assert ran == [7, 17, 27]
    assert len({outcome.ref.digest for outcome in outcomes}) == 3
    assert [at(store, MARCH + timedelta(days=number), TICKETS_ONLY).ref for number in range(7, 37)] == [
        outcome.ref for outcome in outcomes
    ]


def test_a_dataset_of_the_past_holds_nothing_of_the_future(store: ArtifactStore, tmp_path: Path) -> None:
    early, late = at(store, MARCH, TICKETS_ONLY), at(store, "2026-06-01", TICKETS_ONLY)
    before, after = documents(store, early.ref, tmp_path), documents(store, late.ref, tmp_path)
    folder = tmp_path / early.ref.fingerprint[:12]

    assert all(document.event_time < MARCH.isoformat() for document in before.values())
    table = read_table(folder / "tickets_table.parquet")
    assert all(row["resolved"].replace(tzinfo=UTC) < MARCH for row in table)
    assert len(table) == len(before) == len(read_planted(folder)) == early.metrics["documents"]
    changed = {name for name in before.keys() & after.keys() if before[name].text != after[name].text}
    corrected = {v.id for v in ticket_versions(800, 7, 10) if v.content and "\nUpdate: " in v.content.document.text}
    assert changed and changed <= corrected
    counts = late.metrics["dated"]["generated tickets"]
    assert all(counts[kind] > 0 for kind in ("late", "corrected", "deleted")) and counts["visible"] > 780
    assert MARCH.isoformat() not in json.dumps(early.metrics)


def test_tickets_are_the_same_for_the_same_seed() -> None:
    assert ticket_versions(60, 7, 7) == ticket_versions(60, 7, 7) != ticket_versions(60, 8, 7)


def test_too_few_tickets_are_named_with_the_moment(store: ArtifactStore) -> None:
    with pytest.raises(SourceError, match=r"aggregate\.tickets = 800: 0 of them .* as of 2025-01-06.*50.*later moment"):
        at(store, "2025-01-06", TICKETS_ONLY)
    with pytest.raises(ConfigurationError, match=r"as_of = 'monday': not a moment"):
        at(store, "monday", TICKETS_ONLY)


def test_records_count_from_when_they_were_recorded(store: ArtifactStore, notes: Notes, tmp_path: Path) -> None:
    notes.add("a", "2026-01-01", "First.")
    notes.add("late", "2026-01-05", "Late.")
    notes.add("a", "2026-01-08", "Corrected.")
    days = ("2026-01-03", "2026-01-04", "2026-01-06", "2026-01-07", "2026-01-09")
    found = [at(store, day, notes.config) for day in days]
    assert [outcome.reused for outcome in found] == [False, True, False, True, False]
    texts = [sorted(d.text for d in documents(store, outcome.ref, tmp_path).values()) for outcome in found[::2]]
    assert texts == [["First."], ["First.", "Late."], ["Corrected.", "Late."]]

    notes.add("a", "2026-01-10", deleted=True)
    assert all(at(store, day, notes.config).reused for day in days)
    assert at(store, "2026-01-11", notes.config).metrics["by_origin"] == {"records notes": 1}

    notes.add("late", "2026-01-12", erased=True)
    rebuilt = at(store, "2026-01-06", notes.config)
    assert not rebuilt.reused and rebuilt.metrics["dated"]["records notes"]["erased"] == 1
    assert list(documents(store, rebuilt.ref, tmp_path)) == ["record:notes:a"]
    assert at(store, "2026-01-03", notes.config).reused, "it was not visible then"


def test_what_is_quarantined_lies_in_the_artifact(store: ArtifactStore, notes: Notes, tmp_path: Path) -> None:
    notes.config = notes.config.model_copy(update={"max_quarantined_share": 0.5})
    notes.add("a", "2026-01-01")
    before = at(store, "2026-02-01", notes.config)
    notes.add("", "2026-01-01")
    after = at(store, "2026-02-01", notes.config)
    folder = store.fetch(after.ref, tmp_path / "after")

    assert not after.reused and after.metrics["dated"]["records notes"]["quarantined"] == 1
    row = {"source": "records notes", "file": "notes.jsonl", "line": 2, "reason": "no id"}
    assert read_table(folder / "quarantined.parquet") == [row]
    assert "notes.jsonl" in (folder / "report.html").read_text()
    entries = [{f.path: f.sha256 for f in store.manifest(one.ref).files} for one in (before, after)]
    assert entries[0]["documents-00000.parquet"] == entries[1]["documents-00000.parquet"]


def test_a_line_without_a_time_is_counted_and_makes_the_dataset_new(
    store: ArtifactStore, notes: Notes, tmp_path: Path
) -> None:
    notes.config = notes.config.model_copy(update={"max_quarantined_share": 0.5})
    notes.add("a", "2026-01-01")
    at(store, "2026-02-01", notes.config)
    with notes.file.open("a") as lines:
        lines.write('{"id": "b", "text": "cut\n')
    after = at(store, "2026-02-01", notes.config)

    assert not after.reused and after.metrics["dated"]["records notes"]["quarantined"] == 1
    assert after.metrics["provenance"][0]["quarantined"] == 1
    folder = store.fetch(after.ref, tmp_path / "after")
    row = {"source": "records notes", "file": "notes.jsonl", "line": 2, "reason": "not JSON"}
    assert read_table(folder / "quarantined.parquet") == [row]


def test_a_source_that_changes_while_it_is_read_is_read_again(
    store: ArtifactStore, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.add("a", "2026-01-01")
    begin = Workspace.__init__

    def begin_late(*arguments: Any) -> None:
        notes.add("b", "2026-01-02")
        begin(*arguments)

    monkeypatch.setattr(Workspace, "__init__", begin_late)
    with pytest.raises(ChangedMeanwhileError, match="changed while it was read"):
        at(store, "2026-02-01", notes.config)
    monkeypatch.undo()
    assert at(store, "2026-02-01", notes.config).metrics["documents"] == 2


def test_a_source_that_shrinks_does_not_pass_unless_it_is_let(store: ArtifactStore, notes: Notes) -> None:
    for number in range(10):
        notes.add(f"n{number}", "2026-01-01")
    whole = at(store, "2026-01-02", notes.config).ref
    lines = notes.file.read_text().splitlines(keepends=True)

    def compare(kept: int, share: float = 0.3, previous: ArtifactRef | None = whole) -> Outcome:
        notes.file.write_text("".join(lines[:kept]))
        arguments = {"previous": previous, "config": CompareSourcesConfig(max_shrink=share)}
        return compare_sources.run(store, {"aggregated": at(store, "2026-01-03", notes.config).ref, **arguments})

    assert compare(7).metrics["passed"] and compare(10).metrics["passed"]
    half = compare(5)
    assert half.metrics["passed"] is False
    assert half.metrics["verdict"].startswith("records notes: 10 before, 5 now (-50%). Allowed: -30%.")
    assert "max_shrink=1" in half.metrics["verdict"]
    assert compare(5, share=1).metrics["passed"]
    first = compare(5, previous=None)
    assert first.metrics["passed"] and first.metrics["verdict"] == "nothing earlier to compare with"


def test_a_source_that_vanished_is_a_shrink_and_not_an_error(store: ArtifactStore, notes: Notes) -> None:
    notes.add("a", "2026-01-01")
    both = notes.config.model_copy(update={"tickets": 800})
    before = at(store, MARCH + timedelta(days=320), both).ref
    emptied = at(store, MARCH, both)
    gone = at(store, MARCH + timedelta(days=320), both.model_copy(update={"records": ()}))

    assert emptied.metrics["by_origin"]["records notes"] == 0
    for now in (emptied, gone):
        metrics = compare_sources.run(
            store, {"aggregated": now.ref, "previous": before, "config": CompareSourcesConfig()}
        ).metrics
        assert not metrics["passed"] and "records notes: 1 before, 0 now (-100%)" in metrics["verdict"]


def hold_few(patch: pytest.MonkeyPatch) -> None:
    """Every other row begins a new run on disk, and two runs are read at once."""
    patch.setattr(sorted_rows, "HELD_CHARACTERS", 2 * sorted_rows.ROW)
    patch.setattr(sorted_rows, "MERGED", 2)


def test_a_dataset_is_the_same_however_few_records_are_held_and_in_whatever_order(
    store: ArtifactStore, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes.config = notes.config.model_copy(update={"max_quarantined_share": 0.5})
    for number in range(12):
        notes.add(f"n{number}", f"2026-01-{number + 2:02}", f"Note {number}.", event=f"2026-01-{13 - number:02}")
        notes.add(f"n{number}", "2026-01-20", f"Note {number // 3 * 3}.")
    for name in ("n3", "n5", "n5", "never"):
        notes.add(name, "2026-01-01", erased=True)
    notes.add("n7", "2026-01-25", deleted=True)
    notes.add("n8", "2026-03-01", "Not known yet.")
    for number in range(5):
        notes.add(f"bad{number}", "2026-01-01", text="")
    notes.add("", "")
    whole = at(store, "2026-02-01", notes.config)
    counts = whole.metrics["dated"]["records notes"]
    assert counts["visible"] == 9 and (counts["late"], counts["corrected"]) != (0, 0)
    assert (counts["deleted"], counts["erased"], counts["quarantined"], counts["undated"]) == (1, 2, 6, 1)

    hold_few(monkeypatch)
    arguments = {"as_of": "2026-02-01", "config": notes.config}
    again = aggregate.run(store, arguments, force=True)
    assert not again.reused and again.ref == whole.ref

    lines = notes.file.read_text().splitlines(keepends=True)
    good = [line for line in lines if '"text": ""' not in line and '"id": ""' not in line]
    bad = [line for line in lines if line not in good]
    for number, line in enumerate(reversed(good)):
        with (notes.file.parent / f"a{number % 3}.jsonl").open("a") as file:
            file.write(line)
    notes.file.write_text("\n" * len(good) + "".join(bad))
    assert aggregate.run(store, arguments, force=True).ref == whole.ref


def test_records_are_not_all_in_memory(
    notes: Notes, store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_rows, "HELD_CHARACTERS", 1 << 18)
    notes.config = notes.config.model_copy(update={"max_quarantined_share": 1})
    for number in range(3000):
        notes.add(f"n{number}", f"2026-01-01T00:00:{number % 60:02}", f"{number:04}" * 500)
        notes.add(f"bad{number}", "2026-01-01", text="")
    (source,) = dated_sources(store, "2026-02-01", notes.config)

    tracemalloc.start()
    try:
        assert source.state(tmp_path).startswith("3000 records")
        assert tracemalloc.get_traced_memory()[1] < notes.file.stat().st_size / 4
    finally:
        tracemalloc.stop()
