"""Record files: their formats, what is quarantined, and what is an error."""

import gzip
import json
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.config import AggregateConfig, LimitsConfig, RecordsConfig
from include.data_preparation.documents import Document
from include.data_preparation.sources import sorted_rows
from include.data_preparation.sources.point_in_time import Snapshot
from include.data_preparation.sources.quarantine import Quarantined
from include.data_preparation.sources.record_files import read_records
from include.data_preparation.sources.record_lines import RecordLog

THEN = datetime(2026, 6, 1, tzinfo=UTC)


def row(name: str, **fields: Any) -> dict[str, Any]:
    return {"id": name, "event_time": "2026-01-01T10:00:00Z", "text": f"About {name}.", **fields}


def json_lines(*rows: Any) -> bytes:
    return b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in rows)


LATER = datetime(2100, 1, 1, tzinfo=UTC)
LIMITS = LimitsConfig()


def read(
    folder: Path,
    share: float = 1.0,
    license: str = "MIT",
    limits: LimitsConfig = LIMITS,
    moment: datetime = LATER,
    store: Any = None,
    location: str = "",
) -> RecordLog:
    source = RecordsConfig(name="notes", location=location or str(folder), license=license, ids="shown")
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    return read_records(store, source, share, moment, limits, scratch)


def contents(log: RecordLog, moment: datetime = THEN) -> dict[str, Document]:
    with tempfile.TemporaryDirectory() as scratch:
        found = [one.content for one in Snapshot[Document](moment).of(log.records(), Path(scratch))]
    return {document.id: document for document in found if document}


def visible(log: RecordLog) -> dict[str, str]:
    return {name: document.text for name, document in contents(log).items()}


def bad_lines(log: RecordLog) -> list[Quarantined]:
    return [line for _, line in log.quarantined]


def test_all_formats_say_the_same_wherever_they_lie(tmp_path: Path, store: ArtifactStore) -> None:
    (tmp_path / "2026").mkdir()
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json_lines(row("a"), b"\n", row("b", license="ISC")))
    (tmp_path / "2026" / "b.jsonl.gz").write_bytes(gzip.compress(json_lines(row("c", title="What is c?"))))
    times = pyarrow.array([1767261600000000123], pyarrow.timestamp("ns", "Europe/Berlin"))
    table = pyarrow.table({"id": [4], "event_time": times, "text": ["About 4."], "deleted": [None], "label": [7]})
    pyarrow.parquet.write_table(table, tmp_path / "c.parquet")
    (tmp_path / "_SUCCESS").write_bytes(b"")
    for path in tmp_path.rglob("*.*"):
        store.bucket.put_bytes(f"sources/notes/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    store.bucket.put_bytes("sources/notes2/other.jsonl", json_lines(row("other")))

    log = read(tmp_path)
    assert log.lines == 4 and bad_lines(log) == []
    documents = contents(log)
    assert list(documents) == ["record:notes:4", "record:notes:a", "record:notes:b", "record:notes:c"]
    assert {document.event_time for document in documents.values()} == {"2026-01-01T10:00:00+00:00"}
    assert [document.license for document in documents.values()] == ["MIT", "MIT", "ISC", "MIT"]
    assert documents["record:notes:4"].label == "7"
    assert documents["record:notes:c"].title == "What is c?" and documents["record:notes:a"].title == "a"
    assert contents(read(tmp_path, share=0, store=store, location="s3:sources/notes")) == documents


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{broken\n", "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b'{"id": "\xff"}\n', "not UTF-8"),
        ([1], "not an object"),
        ({"event_time": "2026-01-01", "text": "x"}, "no id"),
        (row(""), "no id"),
        (row("x", id=True), "no id"),
        ({"id": "x", "text": "x"}, "no event_time"),
        ({"id": "x", "text": "x", "recorded_at": "2026-01-01"}, "no event_time"),
        (row("x", event_time="soon"), "event_time is no time in ISO 8601"),
        (row("x", recorded_at=1767225600), "recorded_at is no time in ISO 8601"),
        (row("x", text=""), "no text"),
        (row("x", text=["x"]), "text is no text"),
        (row("x", deleted="no"), "deleted is neither true nor false"),
    ],
)
def test_a_line_that_is_no_record_is_kept_with_its_place_and_reason(tmp_path: Path, line: Any, reason: str) -> None:
    (tmp_path / "notes.jsonl").write_bytes(json_lines(row("a"), line, row("b")))
    log = read(tmp_path)

    (bad,) = bad_lines(log)
    assert (bad.file, bad.line, bad.reason) == ("notes.jsonl", 2, reason)
    assert len(visible(log)) == 2
    with pytest.raises(SourceError, match=rf"1 of 3 lines are no records \(allowed: 30.0%\): notes.jsonl:2 {reason}"):
        read(tmp_path, share=0.3)


def test_a_line_of_any_length_is_one_line(tmp_path: Path) -> None:
    limits = LimitsConfig(max_record_characters=1000)
    long = json_lines(row("long", text="x" * 10_000))
    (tmp_path / "notes.jsonl").write_bytes(
        b"\xef\xbb\xbf" + json_lines(row("a"), long, row("b", text="x" * 3800), long)[:-1]
    )
    log = read(tmp_path, limits=limits)

    assert list(visible(log)) == ["record:notes:a", "record:notes:b"]
    reason = f"a line of {len(long)} bytes, and a record may have 1000 characters"
    assert [(bad.line, bad.reason) for bad in bad_lines(log)] == [(2, reason), (4, reason.replace("65", "64"))]


def test_other_files_and_missing_licences_are_not_lost_silently(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("id,text\n")
    (tmp_path / "notes.jsonl").write_bytes(json_lines(row("a")))

    log = read(tmp_path, license="")
    assert [bad.reason for bad in bad_lines(log)] == [
        "no license, and the source names none",
        "not a .jsonl, .jsonl.gz or .parquet file",
    ]


def test_a_title_is_one_line_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_bytes(json_lines(row("a", title="One\ntitle " * 20_000)))
    (document,) = contents(read(tmp_path)).values()
    assert document.title == "One title " * 100


def test_a_bad_line_of_a_later_time_is_not_in_the_past(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_bytes(json_lines(row("a"), row("b", text="", recorded_at="2026-07-01")))

    assert bad_lines(read(tmp_path, moment=THEN)) == []
    assert len(bad_lines(read(tmp_path, moment=datetime(2026, 8, 1, tzinfo=UTC)))) == 1


def test_bad_lines_of_later_times_do_not_fail_the_past(tmp_path: Path) -> None:
    lines = [row("a"), *(row(f"b{number}", text="", recorded_at="2026-09-01") for number in range(20))]
    (tmp_path / "notes.jsonl").write_bytes(json_lines(*lines))

    assert len(visible(read(tmp_path, share=0.05, moment=THEN))) == 1
    with pytest.raises(SourceError, match="20 of 21 lines are no records"):
        read(tmp_path, share=0.05)


def test_an_erasure_is_never_quarantined(tmp_path: Path) -> None:
    table = pyarrow.table({"id": [4.0, None], "erased": [True, None], "text": [None, "x"]})
    (tmp_path / "a.jsonl").write_bytes(json_lines(row(4), row("b")))
    pyarrow.parquet.write_table(table, tmp_path / "erase.parquet")
    assert list(visible(read(tmp_path))) == ["record:notes:b"]

    (tmp_path / "b.jsonl").write_bytes(json_lines({"id": None, "erased": True}))
    with pytest.raises(SourceError, match=r"b.jsonl:1' = .*names no record|b\.jsonl:1.*names no record"):
        read(tmp_path)


def test_deletions_and_erasures_need_no_more_than_they_say(tmp_path: Path) -> None:
    rows = [row(name) for name in "abcd"]
    rows += [{"id": "a", "deleted": True, "recorded_at": "2026-02-01"}, {"id": "b", "erased": True}]
    rows += [{"id": "c", "erased": "yes"}, {"id": "d", "erased": False, "deleted": True, "recorded_at": "2026-09-01"}]
    (tmp_path / "notes.jsonl").write_bytes(json_lines(*rows))
    log = read(tmp_path)

    assert bad_lines(log) == [] and list(visible(log)) == ["record:notes:d"]


def test_text_that_no_file_can_hold_is_made_to_fit(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_bytes(b'{"id": "a", "event_time": "2026-01-01", "text": "lone \\ud800 one"}\n')
    assert visible(read(tmp_path)) == {"record:notes:a": "lone ? one"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jsonl.gz", gzip.compress(json_lines(row("a")), mtime=0)[:-9]),
        ("a.jsonl.gz", b"no gzip"),
        ("a.parquet", b"PAR1 no parquet"),
        ("a.parquet", b""),
    ],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=rf"{name}'.*damaged.*Replace it"):
        read(tmp_path)


def test_no_files_are_an_error_that_says_where_they_are_looked_for(tmp_path: Path, store: ArtifactStore) -> None:
    for location, where in (
        ("/no/such", "/no/such/"),
        (str(tmp_path), str(tmp_path)),
        ("s3:no/such/", "s3://genai/no"),
    ):
        with pytest.raises(SourceError, match=rf"aggregate\.records = '{location}': there are no .* in {where}.*Put"):
            read(tmp_path, store=store, location=location)


@pytest.mark.parametrize("location", ["", "s3:", "s3:/", "s3:/a", "s3://other/a", "https://example.org/a"])
def test_a_location_is_a_folder_or_a_prefix(location: str) -> None:
    with pytest.raises(ValidationError):
        RecordsConfig(name="notes", location=location)


def test_sources_differ_in_name() -> None:
    with pytest.raises(ValidationError, match="two sources are called notes"):
        AggregateConfig(records=(RecordsConfig(name="notes", location="a"), RecordsConfig(name="notes", location="b")))


def test_a_file_that_is_no_record_file_is_no_single_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines(*(row(str(number)) for number in range(100))))
    (tmp_path / "b.csv").write_text("id,text\n")
    with pytest.raises(SourceError, match=r"1 of 2 files are no records \(allowed: 5.0%\): b.csv:0 not a"):
        read(tmp_path, share=0.05)


def test_notes_beside_record_files_are_told_and_fail_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines(row("a")))
    for name in ("README", "README.txt", "notes.md", "LICENSE"):
        (tmp_path / name).write_text("What these records are.")
    log = read(tmp_path, share=0)
    assert list(visible(log)) == ["record:notes:a"] and log.files == 1
    assert {one.file for one in log.foreign} == {"README", "README.txt", "notes.md", "LICENSE"}

    # what may hold records, or erasures, is no note
    for name in ("erased.csv", "README.json", "erased.txt"):
        (tmp_path / name).write_text("id,erased\n")
        with pytest.raises(SourceError, match=rf"1 of 2 files are no records.*{name}:0"):
            read(tmp_path, share=0.4)
        (tmp_path / name).unlink()
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(SourceError, match="there are no record files"):
        read(tmp_path)


def test_links_and_pipes_are_quarantined_unread(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "outside.jsonl").write_bytes(json_lines(row("secret")))
    (tmp_path / "notes" / "a.jsonl").write_bytes(json_lines(row("a")))
    (tmp_path / "notes" / "b.jsonl").symlink_to(tmp_path / "outside.jsonl")
    os.mkfifo(tmp_path / "notes" / "c.jsonl")
    log = read(tmp_path / "notes")
    assert list(visible(log)) == ["record:notes:a"]
    assert [(bad.file, bad.line) for bad in bad_lines(log)] == [("b.jsonl", 0), ("c.jsonl", 0)]


@pytest.mark.parametrize(
    ("limits", "problem"),
    [(LimitsConfig(max_unpacked_mb=1), "over 1 MiB unpacked"), (LIMITS, "over 200 times its size unpacked: a bomb")],
)
def test_what_unpacks_to_too_much_is_an_error(tmp_path: Path, limits: LimitsConfig, problem: str) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json_lines(row("a")) + b" " * (20 << 20)))
    with pytest.raises(SourceError, match=rf"a.jsonl.gz': {problem}.*Split it, or raise .*aggregate\.limits"):
        read(tmp_path, limits=limits)


def test_an_error_in_a_packed_file_is_told_as_itself(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json_lines(row("a"), {"erased": True})))
    with pytest.raises(SourceError, match=r"a.jsonl.gz:2'.*names no record"):
        read(tmp_path)


NAMES = st.sampled_from([1, 1.0, "1", 2, "2", "a", "A", "ä"])
# one version of a record at one day, an erasure, or a line that is no record
LINES = st.lists(
    st.one_of(
        st.tuples(NAMES, st.integers(1, 28), st.sampled_from(["one", "two", None])),
        st.tuples(NAMES),
        st.just(()),
    ),
    max_size=30,
    unique_by=lambda line: (str(line[0]).removesuffix(".0"), line[1]) if len(line) == 3 else object(),
)


def line_of(line: tuple[Any, ...]) -> dict[str, Any]:
    if len(line) < 3:
        return {"id": line[0], "erased": True} if line else row("no text", text="")
    name, day, text = line
    return row(name, text=text, recorded_at=f"2026-02-{day:02}", deleted=text is None)


@settings(max_examples=60, deadline=None)
@given(LINES, st.integers(1, 29), st.integers(1, 4), st.integers(1, 3))
def test_records_are_the_same_however_few_are_held(
    lines: list[tuple[Any, ...]], day: int, held: int, files: int
) -> None:
    moment = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=day - 1)
    said: dict[str, dict[int, str | None]] = {}
    for name, recorded, text in (line for line in lines if len(line) == 3 and line[1] < day):
        said.setdefault(str(name).removesuffix(".0"), {})[recorded] = text
    erased = {str(line[0]).removesuffix(".0") for line in lines if len(line) == 1}
    newest = {name: versions[max(versions)] for name, versions in said.items() if name not in erased}

    with tempfile.TemporaryDirectory() as outside, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_rows, "HELD_CHARACTERS", held * sorted_rows.ROW)
        patch.setattr(sorted_rows, "MERGED", 2)
        folder = Path(outside) / "notes"
        folder.mkdir()
        for number in range(files):
            rows = [line_of(line) for line in lines[number::files]]
            (folder / f"{number}.jsonl").write_bytes(json_lines(*rows))
        log = read(folder, moment=moment)
        found = contents(log, moment)

        assert {name.removeprefix("record:notes:"): one.text for name, one in found.items()} == {
            name: text for name, text in newest.items() if text
        }
        assert list(found) == sorted(found)
        assert len(bad_lines(log)) == lines.count(()) and bad_lines(log) == sorted(bad_lines(log))


def test_of_several_conflicts_the_first_record_is_named_however_few_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row(name, text=text) for name in "dcba" for text in ("one", "two")]
    (tmp_path / "notes.jsonl").write_bytes(json_lines(*rows))
    for held in (sorted_rows.HELD_CHARACTERS, sorted_rows.ROW):
        monkeypatch.setattr(sorted_rows, "HELD_CHARACTERS", held)
        with pytest.raises(SourceError, match=r"record a = .*notes\.jsonl:7 and notes\.jsonl:8 differ"):
            visible(read(tmp_path))
