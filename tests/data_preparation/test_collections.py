"""Collections: what of a folder or prefix becomes documents, what is counted, what is refused, what makes it new."""

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from pydantic import ValidationError

from include.artifacts.outcome import Outcome
from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig, CollectionConfig, ColumnsConfig, SplitConfig
from include.data_preparation.division.questions import question_of
from include.data_preparation.documents import Document, read_all, read_table, shard_of
from include.data_preparation.sources.undated_sources import collections_of, states
from tests.conftest import ObjectStoreServer
from tests.data_preparation.reading import SAMPLES, json_lines, pdf, zipped

MOMENT = "2026-06-01"


def config(location: str, share: float = 0.0, shards: int = 2, **source: Any) -> AggregateConfig:
    collection = CollectionConfig(
        **{"name": "manuals", "location": location, "license": "MIT", "ids": "shown"} | source
    )
    return AggregateConfig(
        topics=False, standard_library=False, packages=(), tickets=0, shards=shards, collections=(collection,),
        max_quarantined_share=share,
    )  # fmt: skip


def at(store: ArtifactStore, config: AggregateConfig) -> Outcome:
    return aggregate.run(store, {"as_of": MOMENT, "config": config})


def documents(store: ArtifactStore, outcome: Outcome, folder: Path) -> dict[str, Document]:
    target = folder / outcome.ref.fingerprint[:12]
    return {document.id: document for document in read_all(store.fetch(outcome.ref, target))}


def fill(folder: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return str(folder)


def test_a_folder_of_all_formats_becomes_documents_with_a_place_each(store: ArtifactStore, tmp_path: Path) -> None:
    ignored = {".hidden": b"x", "_SUCCESS": b"", ".git/config.txt": b"x"}
    location = fill(tmp_path / "manuals", {f"{name[2:]}/{name}": data for name, data in SAMPLES.items()} | ignored)
    outcome = at(store, config(location))
    found = documents(store, outcome, tmp_path)

    assert found["collection:manuals:md/a.md"].title == "One"
    assert found["collection:manuals:txt/a.txt"] == Document(
        "collection:manuals:txt/a.txt", "manuals", "a", "First text.\nMore of it.\n", "MIT"
    )
    assert found["collection:manuals:csv/a.csv#2"].text == "First, text.\nStill it."
    assert found["collection:manuals:zip/a.zip/a.csv#2"].text == "First text."
    counts = outcome.metrics["collections"]["collection manuals"]
    assert counts["read"] == counts["documents"] == len(found) == outcome.metrics["documents"]
    assert (counts["files"], counts["ignored"], counts["quarantined"]) == (len(SAMPLES), 3, 0)
    assert counts["formats"]["jsonl"] == 5 and counts["encodings"] == {"utf-8": 16}
    assert outcome.metrics["by_origin"] == {"collection manuals": len(found)}
    (card_row,) = outcome.metrics["provenance"]
    assert card_row["licences"] == {"MIT": len(found)} and card_row["location"] == location
    assert outcome.metrics["by_license"] == {"MIT": len(found)}


def test_a_heading_of_markdown_is_a_question_and_no_answer() -> None:
    text = "# How is it connected?\n\nIt is connected by a cable to the wall.\n"
    found = question_of(
        Document("collection:manuals:a.md", "manuals", "How is it connected?", text, "MIT"), SplitConfig()
    )
    assert found and found.question == "How is it connected?"
    assert found.answer == "It is connected by a cable to the wall."


def test_a_prefix_of_the_bucket_reads_as_the_folder_does(store: ArtifactStore, tmp_path: Path) -> None:
    location = fill(tmp_path / "manuals", SAMPLES)
    for name, data in SAMPLES.items():
        store.bucket.put_bytes(f"sources/manuals/{name}", data)
    store.bucket.put_bytes("sources/manuals2/other.txt", b"Other text.")

    one, other = at(store, config(location)), at(store, config("s3:sources/manuals/"))
    assert documents(store, one, tmp_path) == documents(store, other, tmp_path)
    assert at(store, config("s3:sources/manuals/")).reused
    store.bucket.put_bytes("sources/manuals/a.txt", b"First text.\nLess of it.\n")
    again = at(store, config("s3:sources/manuals/"))
    assert not again.reused and "Less" in documents(store, again, tmp_path)["collection:manuals:a.txt"].text


def test_a_source_is_read_again_where_its_bytes_changed_and_only_there(store: ArtifactStore, tmp_path: Path) -> None:
    location = fill(tmp_path / "manuals", {"a.txt": b"First text.", "b.txt": b"Second text."})
    first = at(store, config(location))
    status = (tmp_path / "manuals" / "a.txt").stat()
    os.utime(tmp_path / "manuals" / "b.txt", (0, 0))
    assert at(store, config(location)).ref == first.ref

    moved = fill(tmp_path / "manuals", {"a.txt": b"Third text."})
    os.utime(tmp_path / "manuals" / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))
    changed = at(store, config(moved))
    assert not changed.reused
    (tmp_path / "manuals" / "b.txt").rename(tmp_path / "manuals" / "c.txt")
    assert not at(store, config(location)).reused


def test_every_record_is_a_document_quarantined_or_repeated(store: ArtifactStore, tmp_path: Path) -> None:
    rows: list[Any] = [
        {"id": 1, "text": "One."}, {"id": 1, "text": "One."}, {"id": 1, "text": "Other."}, {"text": "Nameless."},
        {"id": 2, "text": ""}, {"id": 3, "text": ["x"]}, {"id": True, "text": "x"},
        {"id": 4.0, "text": "Four.", "license": 1}, {"id": "5", "text": "Five.", "license": "ISC"}, 6,
    ]  # fmt: skip
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    location = fill(tmp_path / "manuals", {"a.jsonl": data + b"{", "b.gz": b"no gzip", "c.pdf": pdf("")})
    outcome = at(store, config(location, share=1, columns=ColumnsConfig(id="id")))
    counts = outcome.metrics["collections"]["collection manuals"]

    assert {name: counts[name] for name in ("read", "documents", "repeated", "quarantined", "broken_files")} == {
        "read": 13, "documents": 2, "repeated": 1, "quarantined": 10, "broken_files": 2,
    }  # fmt: skip
    folder = store.fetch(outcome.ref, tmp_path / "out")
    assert sorted(read_all(folder), key=lambda one: one.id) == [
        Document("collection:manuals:1", "manuals", "1", "One.", "MIT"),
        Document("collection:manuals:5", "manuals", "5", "Five.", "ISC"),
    ]
    found = {(row["file"], row["line"]): row["reason"] for row in read_table(folder / "quarantined.parquet")}
    assert found == {
        ("a.jsonl", 3): "another record has its id, and says something else",
        ("a.jsonl", 4): "no id",
        ("a.jsonl", 5): "no text",
        ("a.jsonl", 6): "text is no text",
        ("a.jsonl", 7): "no id",
        ("a.jsonl", 8): "license is no text",
        ("a.jsonl", 10): "not an object",
        ("a.jsonl", 11): "not JSON",
        ("b.gz", 0): "broken gzip data",
        ("c.pdf", 0): "no text layer",
    }
    page = (folder / "report.html").read_text()
    assert "c.pdf" in page and "no text layer" in page and "Nameless" not in page


def test_too_much_that_cannot_be_read_is_an_error_that_names_it(store: ArtifactStore, tmp_path: Path) -> None:
    lines = json_lines(*(f"Text {number}." for number in range(18)))
    location = fill(tmp_path / "manuals", {"a.jsonl": lines + b"1\n2\n"})
    assert at(store, config(location, share=0.1)).metrics["documents"] == 18
    with pytest.raises(
        SourceError, match=r"manuals\.location = .*2 of 20 records cannot be read \(allowed: 9\.0%\): a.j"
    ):
        at(store, config(location, share=0.09))
    # one file among few is lost, however many records the others have
    fill(tmp_path / "manuals", {"a.jsonl": lines, "b.csv.gz": gzip.compress(b"text\n" + b"x\n" * 9999)[:-9]})
    with pytest.raises(
        SourceError, match=r"1 of 2 files cannot be read to their end.*b\.csv\.gz:0 broken gzip data.*Cor"
    ):
        at(store, config(location, share=0.1))
    assert at(store, config(location, share=0.1, files="*.jsonl")).metrics["documents"] == 18


def test_files_in_no_known_format_are_told_and_do_not_fail_a_source(store: ArtifactStore, tmp_path: Path) -> None:
    files = {"a.jsonl": json_lines("First text."), "README": b"What this is.", "logo.png": b"\x89PNG\r\n\x1a\n\0"}
    location = fill(tmp_path / "manuals", files | {"b.jsonl": json_lines("Second text.")})
    outcome = at(store, config(location))
    counts = outcome.metrics["collections"]["collection manuals"]
    assert (counts["files"], counts["opened"], counts["foreign_files"]) == (4, 2, 2)
    assert (counts["read"], counts["documents"], counts["quarantined"], counts["broken_files"]) == (2, 2, 0, 0)
    folder = store.fetch(outcome.ref, tmp_path / "out")
    told = {row["file"]: row["reason"] for row in read_table(folder / "quarantined.parquet")}
    assert set(told) == {"README", "logo.png"} and "its format is not known" in told["README"]
    page = (folder / "report.html").read_text()
    assert "README" in page and "logo.png" in page

    fill(
        tmp_path / "manuals",
        {f"{number}.docx": zipped(**{"word.xml": b"<a/>", "[Content].xml": b"<b/>"}) for number in range(2)},
    )
    with pytest.raises(SourceError, match=r"4 of 6 files are in no known format: 0\.docx, 1\.docx, README.*Leave"):
        at(store, config(location))
    assert at(store, config(location, files="*.jsonl")).metrics["documents"] == 2


def test_records_and_files_that_cannot_be_read_are_counted_apart(store: ArtifactStore, tmp_path: Path) -> None:
    archive = zipped(**{"a.txt": b"Text.", "b.txt": b"a\0b", "c.jsonl": json_lines("One.") + b"{\n[]\n"})
    files = {"a.zip": archive, "b.gz": b"no gzip", "c.json": b'[{"text": "Two."}, {', "d.csv": b"id,text\n"}
    outcome = at(store, config(fill(tmp_path / "manuals", files), share=1))
    counts = outcome.metrics["collections"]["collection manuals"]
    assert (counts["files"], counts["opened"], counts["broken_files"]) == (4, 6, 3)
    assert (counts["quarantined"], counts["quarantined_records"], counts["documents"]) == (5, 2, 3)


def test_what_is_quarantined_is_all_in_the_file_and_little_of_it_in_memory(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.data_preparation.sources.quarantine.HELD", 700)
    location = fill(tmp_path / "manuals", {"a.jsonl": json_lines("Text.") + b"{\n" * 1500 + b"[]\n" * 500})
    outcome = at(store, config(location, share=1))
    folder = store.fetch(outcome.ref, tmp_path / "out")
    with pyarrow.parquet.ParquetFile(folder / "quarantined.parquet") as file:
        assert [file.metadata.row_group(index).num_rows for index in range(3)] == [700, 700, 600]
    rows = read_table(folder / "quarantined.parquet")
    assert [row["line"] for row in rows] == list(range(2, 2002)) and {row["source"] for row in rows} == {
        "collection manuals"
    }
    page = (folder / "report.html").read_text()
    assert "2000 entries" in page and "1500" in page and page.count("not JSON") == 21


def test_an_empty_source_is_an_error_and_a_single_record_is_not(store: ArtifactStore, tmp_path: Path) -> None:
    location = fill(tmp_path / "manuals", {"a.csv": b"id,text\n"})
    for where in (location, str(tmp_path / "none"), "s3:no/such/"):
        with pytest.raises(
            SourceError, match=r"collections\.manuals\.location = .*there (is no record|are no files).*Put"
        ):
            at(store, config(where))
    fill(tmp_path / "manuals", {"a.csv": b"id,text\n1,The only one.\n"})
    outcome = at(store, config(location, shards=3))
    assert outcome.metrics["documents"] == 1 and len(documents(store, outcome, tmp_path)) == 1


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user whom permissions hold back: root, which runs in containers, may read everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize("closed", ["manuals", "manuals/inner", "manuals/inner/a.txt"])
def test_a_folder_that_may_not_be_read_is_an_error_and_not_an_empty_one(
    store: ArtifactStore, closed: str, request: pytest.FixtureRequest
) -> None:
    root = Path("/tmp") / f"genai-permission-{os.getpid()}"
    request.addfinalizer(lambda: shutil.rmtree(root))
    location = fill(root / "manuals", {"inner/a.txt": b"First text.", "b.txt": b"Second text."})
    root.chmod(0o755)
    (root / closed).chmod(0)
    with (
        as_nobody(),
        pytest.raises(SourceError, match=r"collections.*cannot be read: Permission denied.*Let this user"),
    ):
        states(collections_of(store, config(location)))
    for path in (root / "manuals", root / "manuals/inner"):
        path.chmod(0o755)


def test_a_bucket_that_may_not_be_read_is_named(object_store_server: ObjectStoreServer) -> None:
    refused = object_store_server.store(secret_key="wrong")
    with pytest.raises(
        SourceError, match=r"collections.* = 's3:sources/x/': it may not be read: .*Signature.*Correct the"
    ):
        aggregate.parts(refused, {"as_of": MOMENT, "config": config("s3:sources/x/")})


def test_links_do_not_lead_out_of_a_source(store: ArtifactStore, tmp_path: Path) -> None:
    location = fill(tmp_path / "manuals", {"a.txt": b"First text."})
    fill(tmp_path / "outside", {"secret.txt": b"Not for reading."})
    (tmp_path / "manuals" / "out.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (tmp_path / "manuals" / "folder").symlink_to(tmp_path / "outside")
    (tmp_path / "manuals" / "same.txt").symlink_to(tmp_path / "manuals" / "a.txt")
    (tmp_path / "manuals" / "self.txt").symlink_to("self.txt")
    (tmp_path / "manuals" / "above").symlink_to(tmp_path / "manuals")
    os.mkfifo(tmp_path / "manuals" / "pipe.txt")
    outcome = at(store, config(location, share=1))
    assert sorted(documents(store, outcome, tmp_path)) == ["collection:manuals:a.txt", "collection:manuals:same.txt"]
    rows = read_table(store.fetch(outcome.ref, tmp_path / "out") / "quarantined.parquet")
    assert {row["file"]: row["reason"] for row in rows} == {
        "out.txt": "a link that leads out of the source's folder",
        "folder": "a link that leads out of the source's folder",
        "self.txt": "a link that leads to itself",
        "above": "a link to no file",
        "pipe.txt": "no file but a device or pipe",
    }


def test_a_file_is_no_folder(store: ArtifactStore, tmp_path: Path) -> None:
    location = fill(tmp_path / "manuals", {"a.txt": b"First text."})
    with pytest.raises(SourceError, match=r"a\.txt': it is a file\. Name its folder, and in files the file"):
        at(store, config(f"{location}/a.txt"))
    assert at(store, config(location, files="a.txt")).metrics["documents"] == 1


def test_shards_are_the_same_whatever_memory_holds(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = fill(tmp_path / "manuals", {"a.jsonl": json_lines(*(f"Text {number}." for number in range(500)))})
    whole = at(store, config(location, shards=3))
    monkeypatch.setattr("include.data_preparation.shard_files.HELD_DOCUMENTS", 7)
    parts = aggregate.run(store, {"as_of": MOMENT, "config": config(location, shards=3)}, force=True)
    assert parts.ref.digest == whole.ref.digest
    table = read_table(store.fetch(parts.ref, tmp_path / "parts") / "documents-00000.parquet")
    assert [row["id"] for row in table] == sorted(row["id"] for row in table) and len(table) > 100


def test_there_are_more_shards_where_the_documents_need_them(
    store: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"Text {number}. " + "More of it. " * 80 for number in range(3300)]
    location = fill(tmp_path / "manuals", {"a.jsonl": json_lines(*texts)})
    monkeypatch.setattr("include.data_preparation.shard_files.HELD_DOCUMENTS", 500)
    whole = config(location, shards=3)
    small = whole.model_copy(update={"shard_megabytes": 1})
    few, many = at(store, whole), at(store, small)
    assert (few.metrics["shards"], many.metrics["shards"]) == (3, 9)
    folder = store.fetch(many.ref, tmp_path / "many")
    shards = [[row["id"] for row in read_table(path)] for path in sorted(folder.glob("documents-*.parquet"))]
    assert shards == [sorted(name for name in shards[place] if shard_of(name, 9) == place) for place in range(9)]
    assert sum(map(len, shards)) == 3300 and min(map(len, shards)) > 250
    monkeypatch.setattr("include.data_preparation.shard_files.MOST_SHARDS", 8)
    with pytest.raises(SourceError, match=r"shard_megabytes = 1: .* would be 9 shards, more than 8"):
        aggregate.run(store, {"as_of": MOMENT, "config": small}, force=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "tickets"},
        {"name": "templates"},
        {"name": "Manuals"},
        {"license": ""},
        {"location": "ftp://example.org/a"},
        {"location": "s3://other/a"},
        {"encoding": "no-such"},
        {"encoding": "zlib_codec"},
        {"format": "docx"},
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CollectionConfig(**{"name": "manuals", "location": "manuals", "license": "MIT"} | wrong)
