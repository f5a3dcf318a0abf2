"""Readers: each format, each way to pack it, and what cannot be read."""

import csv
import gzip
import io
import json
import resource
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

from include.data_preparation.config import ColumnsConfig, LimitsConfig
from include.data_preparation.readers import Row, Unreadable
from tests.data_preparation.reading import LINES, SAMPLES, json_lines, parquet, pdf, read, texts, zipped

SMALL = LimitsConfig(max_record_characters=1000, max_html_elements=100, max_pdf_pages=2, max_archive_files=2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((f"a.jsonl{packed}", ["First text.", "Second text."]) for packed in ("", ".gz", ".bz2", ".xz", ".zst")),
        ("a.json", ["First text.", "Second text."]),
        ("a.csv", ["First, text.\nStill it.", "Second text."]),
        ("a.tsv", ["First text."]),
        ("a.parquet", ["First text.", "Second text.", "Third text."]),
        ("a.txt", ["First text.\nMore of it.\n"]),
        ("a.md", ["# Heading\n\nFirst text.\n"]),
        ("a.pdf", ["First text.\n\nSecond text."]),
        ("a.zip", ["First text.", "Second text."]),
    ],
)
def test_every_format_gives_its_texts(tmp_path: Path, name: str, expected: list[str]) -> None:
    rows, bad, _ = read(tmp_path, name, SAMPLES[name])
    assert texts(rows) == expected and bad == []


def test_a_page_gives_its_content_without_what_stands_around_it(tmp_path: Path) -> None:
    (row,), bad, _ = read(tmp_path, "a.html", SAMPLES["a.html"])
    assert row.fields["title"] == "How to print" and bad == []
    assert "Choose the printer" in row.fields["text"] and "Imprint" not in row.fields["text"]
    assert texts(read(tmp_path, "a.html", b"<p>Short.</p><script>no()</script>")[0]) == ["Short."]


def test_titles_and_ids_come_from_columns_and_front_matter(tmp_path: Path) -> None:
    columns = ColumnsConfig(text="body", title="subject", id="number", license="terms")
    data = b"number;subject;body;terms\n7;Hello;A text.;MIT\n"
    (row,), _, _ = read(tmp_path, "a.csv", data, columns=columns)
    assert row.fields == {"text": "A text.", "title": "Hello", "id": "7", "license": "MIT"} and row.place == 2
    assert read(tmp_path, "a.md", SAMPLES["a.md"])[0][0].fields["title"] == "One"
    assert read(tmp_path, "a.md", b"---\nno mapping\n---\n# Heading\n")[0][0].fields == {
        "text": "---\nno mapping\n---\n# Heading\n",
        "title": "Heading",
    }


def test_files_without_a_known_name_are_told_by_their_first_bytes(tmp_path: Path) -> None:
    for name in ("a.json", "a.parquet", "a.html", "a.pdf", "a.zip", "a.jsonl.gz"):
        assert read(tmp_path, "export", SAMPLES[name])[0] or name == "a.jsonl.gz"
    assert texts(read(tmp_path, "export", SAMPLES["a.jsonl.gz"])[0]) == ["First text.", "Second text."]
    assert texts(read(tmp_path, "export.dat", LINES, format="text")[0]) == [LINES.decode()]
    assert read(tmp_path, "tool.exe", b"MZ\0\1")[1][0].reason.startswith("its format is not known")


def test_a_line_of_a_million_characters_is_quarantined_with_its_length(tmp_path: Path) -> None:
    data = json_lines("Before.") + json_lines("x" * 1_000_000) + json_lines("After.")
    rows, (bad,), _ = read(tmp_path, "a.jsonl", data)
    assert texts(rows) == ["Before.", "After."] and (bad.place, bad.breaks) == (2, False)
    assert bad.reason == "a line of 1000013 characters, and a record may have 500000 characters"
    rows, (bad,), _ = read(tmp_path, "a.jsonl", json_lines("x" * 9_000_000) + LINES)
    assert len(rows) == 2 and bad.reason.startswith("a line of 9000013 bytes")
    for name, text in (("a.txt", b"x" * 5000), ("a.md", b"x" * 5000), ("a.html", b"<p>" + b"x " * 5000)):
        assert "a record may have 1000" in read(tmp_path, name, text, limits=SMALL)[1][0].reason


def test_rows_whose_columns_shift_are_quarantined_and_no_others(tmp_path: Path) -> None:
    data = b'id,text\n1,one\n2,two,more\n3\n"4,open\n5,"five\nlines"\n\n6,six\n'
    rows, bad, _ = read(tmp_path, "a.csv", data)
    assert [(row.place, row.fields["text"]) for row in rows] == [(2, "one"), (6, "five\nlines"), (9, "six")]
    assert [(one.place, one.reason) for one in bad] == [
        (3, "3 columns, and the header has 2"),
        (4, "1 columns, and the header has 2"),
        (5, "its quotes do not match"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    lines = [delimiter.join(row) for row in (("id", "text"), ("1", "a, b; c"), ("2", '"d | e"'))]
    data = "\n".join(line.replace("a, b; c", '"a, b; c"') for line in lines).encode()
    assert texts(read(tmp_path, "a.csv", data)[0]) == ["a, b; c", "d | e"]


def test_what_excel_writes_is_read(tmp_path: Path) -> None:
    table = 'id;text\r\n1;Grüße aus Köln\r\n2;"Ein; ""Zitat""\r\nin zwei Zeilen"\r\n'
    expected = ["Grüße aus Köln", 'Ein; "Zitat"\r\nin zwei Zeilen']
    for data in (
        table.encode("cp1252"), table.encode("utf-8-sig"), f"sep=;\r\n{table}".encode("cp1252"),
        f"sep=;\r\n{table}".encode("utf-8-sig"), table.replace(";", "\t").encode("utf-16"),
    ):  # fmt: skip
        rows, bad, _ = read(tmp_path, "a.csv", data)
        assert [text.replace("\t", ";") for text in texts(rows)] == expected and bad == []
    assert read(tmp_path, "a.csv", b"sep=;\r\n")[:2] == ([], [])


def test_lines_that_end_in_carriage_returns_are_lines(tmp_path: Path) -> None:
    rows, bad, _ = read(tmp_path, "a.csv", "\ufeffid,text\r1,Grüße\r2,two\r".encode())
    assert [(row.place, row.fields["text"]) for row in rows] == [(2, "Grüße"), (3, "two")] and bad == []
    assert texts(read(tmp_path, "a.jsonl", LINES.replace(b"\n", b"\r"))[0]) == ["First text.", "Second text."]
    long = b'{"text": "' + b"x" * 5000 + b'"}\r'
    rows, (one,), _ = read(tmp_path, "a.jsonl", long + LINES.replace(b"\n", b"\r"), limits=SMALL)
    assert len(rows) == 2 and one.place == 1 and one.reason.startswith("a line of 5013 bytes")


def test_front_matter_is_read_as_it_is_written(tmp_path: Path) -> None:
    for title in ("2024-01-01", "42", "1e3", "yes"):
        assert read(tmp_path, "a.md", f"---\ntitle: {title}\n---\nText.\n".encode())[0][0].fields["title"] == title
    bomb = ["a0: &a0 {k: 1, l: 2}"]
    bomb += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}" for n in range(1, 30)]
    (row,), bad, _ = read(tmp_path, "a.md", "\n".join(["---", *bomb, "title: One", "---", "Text.\n"]).encode())
    assert row.fields == {"title": "One", "text": "Text.\n"} and bad == []


def test_a_pdf_that_opens_without_a_password_is_read(tmp_path: Path) -> None:
    for algorithm in ("RC4-128", "AES-256"):
        rows, bad, _ = read(tmp_path, "a.pdf", pdf("First text.", encrypted="", algorithm=algorithm))
        assert texts(rows) == ["First text."] and bad == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jsonl.gz", SAMPLES["a.jsonl.gz"][:-4], "broken gzip data"),
        ("a.jsonl.gz", b"no gzip", "broken gzip data"),
        ("a.jsonl.bz2", SAMPLES["a.jsonl.bz2"][:-4], "broken bz2 data"),
        ("a.jsonl.xz", SAMPLES["a.jsonl.xz"][:-4], "broken xz data"),
        ("a.jsonl.zst", SAMPLES["a.jsonl.zst"][:-2], "broken zstd data"),
        ("a.zip", SAMPLES["a.zip"][:-30], "broken zip archive"),
        ("a.parquet", SAMPLES["a.parquet"][:-9], "the file is damaged"),
        ("a.parquet", b"PAR1", "the file is damaged"),
        ("a.csv", b"a,b\n1,2\n", "none of its 2 columns is called text"),
        ("a.csv", b"text,text\n1,2\n", "two of its columns are called text"),
        ("a.csv", b'"text\n1\n', "its header cannot be read: its quotes do not match"),
        ("a.pdf", pdf("secret", encrypted="secret"), "encrypted"),
        ("a.pdf", pdf("", ""), "no text layer"),
        ("a.pdf", pdf("", picture=True), "no text layer"),
        ("a.pdf", pdf("a", "b", "c"), "3 pages, and 2 are read"),
        ("a.pdf", b"%PDF-1.7 and no more", "damaged: PdfStreamError"),
        ("a.html", b"<div>" * 100_000, "nested deeper than 256 elements, or larger than the parser takes"),
        ("a.html", b"<p>a" * 500, "503 elements, and an HTML page may have 100"),
        ("a.html", b"<p " + b"".join(b"a%d/" % n for n in range(10**5)), "a tag of over 250 attributes"),
        ("a.html", b'<p a=">" "' + b"".join(b"a%d " % n for n in range(10**5)), "a tag of over 250 attributes"),
        ("a.txt", b"a\0b", "binary data and no text"),
        ("a.txt", b"", "empty"),
        ("a.jsonl", b" \n", "empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_entry_with_its_reason(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    rows, bad, _ = read(tmp_path, name, data, limits=SMALL)
    assert rows == [] and [(one.reason, one.breaks) for one in bad] == [(reason, True)]


def test_a_page_of_a_pdf_that_is_a_picture_is_quarantined_alone(tmp_path: Path) -> None:
    (row,), bad, _ = read(tmp_path, "a.pdf", pdf("First text.", "", "Last text.", picture=True))
    assert row.fields == {"text": "First text.\n\nLast text.", "title": "A manual"}
    assert bad == [Unreadable(2, "no text layer")]


@pytest.mark.parametrize(
    ("data", "rows", "reason"),
    [
        (b'[{"text": "a"}, 1, {"text": "b"}]', 2, "not an object"),
        (b'[{"text": "a"}, {"text": "b"', 1, "not JSON; nothing after it is read"),
        (b'[{"text": "a"} {"text": "b"}]', 1, "not JSON; nothing after it is read"),
        (b'[{"text": "a"}] [', 1, "there is more after the array; nothing after it is read"),
        (b"[" * 10_000, 0, "not JSON; nothing after it is read"),
        (
            b'[{"text": "' + b"x" * 300_000 + b'"}, {"text": "b"}]',
            0,
            "262144 bytes, and a record may have 5000 characters; nothing after it is read",
        ),
        (b'{"text": "a"}\n{"text": "b"}\nno\n', 2, "not JSON; nothing after it is read"),
    ],
)
def test_json_is_read_up_to_where_it_breaks(tmp_path: Path, data: bytes, rows: int, reason: str) -> None:
    found, (bad,), _ = read(tmp_path, "a.json", data, limits=LimitsConfig(max_record_characters=5000))
    assert len(found) == rows and bad.reason == reason


def test_a_long_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    values = [{"text": f"Text {number} “quoted”, and a number:", "n": 10**number} for number in range(200)] * 50
    data = json.dumps(values, ensure_ascii=False).encode()
    assert len(data) > 1 << 20
    rows, bad, reading = read(tmp_path, "a.json", data)
    assert texts(rows) == [value["text"] for value in values] and bad == [] and reading.encodings == {"utf-8": 1}


def test_bombs_stay_packed(tmp_path: Path) -> None:
    limits = LimitsConfig(max_unpacked_mb=1)
    bomb = gzip.compress(b"a" * 30_000_000)
    assert "a bomb" in read(tmp_path, "a.txt.gz", bomb)[1][0].reason
    assert read(tmp_path, "a.txt.gz", bomb, limits=limits)[1][0].reason == "over 1 MiB unpacked"
    # each member is small, all of them together are not
    many = zipped(**{f"{number}.txt": bytes(400_000) for number in range(4)})
    assert [bad.reason for bad in read(tmp_path, "a.zip", many, limits=limits)[1]][-1] == "over 1 MiB unpacked"
    nested = LINES
    for _ in range(4):
        nested = zipped(a=nested)
    assert read(tmp_path, "a.zip", nested)[1][0].reason == "packed more than 3 times"
    assert read(tmp_path, "a.zip", zipped(a=b"", b=b"", c=b""), limits=SMALL)[1][0].reason == "3 files, and 2 are read"


def test_an_archive_is_read_without_writing_what_it_names(tmp_path: Path) -> None:
    data = zipped(**{"../../outside.txt": b"Text.", "/etc/other.txt": b"More.", "b.txt.gz": gzip.compress(b"Packed.")})
    before = sorted(tmp_path.parent.iterdir())
    assert texts(read(tmp_path, "a.zip", data)[0]) == ["Text.", "More.", "Packed."]
    assert sorted(tmp_path.parent.iterdir()) == before and not Path("/etc/other.txt").exists()


def test_a_damaged_member_of_an_archive_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.txt": b"First text.", "b.txt": b"Second text."}))
    data[data.index(b"a.txt") + len("a.txt") + 2] ^= 0xFF
    rows, (bad,), _ = read(tmp_path, "a.zip", bytes(data))
    assert texts(rows) == ["Second text."] and bad.reason == "broken in its zip archive"


def test_members_without_a_name_or_beyond_the_end_do_no_harm(tmp_path: Path) -> None:
    data = bytearray(zipped(**{"a.txt": b"First text.", "b.txt": b"Second text."}))
    central = data.index(b"PK\1\2")
    nameless, beyond = bytearray(data), bytearray(data)
    nameless[central + 28 : central + 30] = b"\0\0"
    beyond[central + 42 : central + 46] = b"\xff\xff\xff\xff"
    for broken in (nameless, beyond):
        rows, bad, _ = read(tmp_path, "a.zip", bytes(broken))
        assert bad and len(rows) + len(bad) <= 2


def test_a_full_disk_is_no_damaged_file(tmp_path: Path) -> None:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        packed = gzip.compress(bytes(2 << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
        with pytest.raises(OSError, match="File too large"):
            read(tmp_path, "a.txt.gz", packed)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO(SAMPLES["a.zip"])
    data = bytearray(buffer.getvalue())
    with zipfile.ZipFile(buffer) as archive:
        offsets = [info.header_offset for info in archive.infolist()]
    data[offsets[0] + 6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    assert [bad.reason for bad in read(tmp_path, "a.zip", bytes(data))[1]] == ["encrypted"]


def test_a_parquet_table_without_the_column_has_rows_without_text(tmp_path: Path) -> None:
    rows, bad, _ = read(tmp_path, "a.parquet", parquet(body=["a", "b"]))
    assert rows == [Row(1, {}), Row(2, {})] and bad == []


def test_reasons_never_hold_what_stands_in_the_file(tmp_path: Path) -> None:
    secret = "Jane Doe"
    broken: list[tuple[str, Any]] = [
        ("a.jsonl", f'{{"text": "{secret}'),
        ("a.json", f'[{{"text": {secret}'),
        ("a.csv", f"{secret},x\n1,2\n"),
        ("a.csv", f'text\n"{secret}\n'),
        ("a.html", "<div>" * 300 + secret),
        ("a.parquet", secret),
        ("a.pdf", f"%PDF-1.7 {secret}"),
    ]
    for name, data in broken:
        rows, bad, _ = read(tmp_path, name, data.encode())
        assert rows == [] and bad and not any(secret in one.reason for one in bad)


def test_what_was_read_before_does_not_decide_how_a_table_is_read(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    rows, bad, _ = read(tmp_path, "a.tsv", b"id\ttext\n1\t" + b"a, b " * 40_000 + b"\n2\thello\n")
    assert not bad and texts(rows)[1] == "hello"
    assert csv.field_size_limit() == 131_072, "nor how others of this process read theirs"
