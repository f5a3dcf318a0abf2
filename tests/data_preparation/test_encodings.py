"""Encodings: what is told apart, what is repaired line by line, and what is left out rather than guessed."""

from pathlib import Path

import pytest

from tests.data_preparation.reading import read, texts

GERMAN = "Der Drucker läuft nicht, bitte prüfen Sie die Größe des Papiers."
RUSSIAN = "Принтер не работает, пожалуйста проверьте кабель и бумагу."
JAPANESE = "プリンターが動きません。ケーブルを確認してください。"
CZECH = "Příliš žluťoučký kůň úpěl ďábelské ódy, a tiskárna stále nefunguje."


@pytest.mark.parametrize(
    ("encoding", "text", "label"),
    [
        ("utf-8", RUSSIAN, "utf-8"),
        ("utf-8-sig", GERMAN, "utf-8"),
        ("utf-16", JAPANESE, "utf-16-le"),
        ("utf-16-be", GERMAN, "utf-16-be"),
        ("utf-16-le", GERMAN, "utf-16-le"),
        ("utf-32", GERMAN, "utf-32-le"),
        ("cp1252", GERMAN, "cp1252"),
        ("cp1251", RUSSIAN, "cp1251"),
        ("koi8-r", RUSSIAN, "koi8_r"),
        ("shift_jis", JAPANESE, "cp932"),
        ("cp1250", CZECH, "cp1250"),
        ("koi8-r", "Как сбросить пароль от учётной записи, если почта больше недоступна?", "koi8_r"),
        ("cp1253", "Πώς αλλάζω τον κωδικό πρόσβασης στον λογαριασμό μου", "cp1253"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv"])
def test_one_encoding_a_file_is_found_and_counted(
    tmp_path: Path, encoding: str, text: str, label: str, name: str
) -> None:
    lines = [f"{text} ({number})" for number in range(20)]
    data = "\r\n".join(["text;id", *(f"{line};1" for line in lines)] if name == "a.csv" else lines)
    rows, bad, reading = read(tmp_path, name, data.encode(encoding))
    assert texts(rows) == (lines if name == "a.csv" else ["\r\n".join(lines)])
    assert bad == [] and reading.encodings == {label: 1}


def test_lines_of_another_encoding_are_repaired_one_by_one(tmp_path: Path) -> None:
    lines = [GERMAN.encode(), GERMAN.encode("cp1252"), RUSSIAN.encode(), "naïve café".encode("cp1252")]
    (row,), bad, reading = read(tmp_path, "a.txt", b"\n".join(lines))
    assert row.fields["text"] == f"{GERMAN}\n{GERMAN}\n{RUSSIAN}\nnaïve café" and bad == []
    assert reading.encodings == {"utf-8 and cp1252": 1}


def test_foreign_bytes_in_a_line_of_utf8_are_repaired_alone(tmp_path: Path) -> None:
    (row,), _, reading = read(tmp_path, "a.txt", GERMAN.encode() + b" \x93quoted\x94")
    assert row.fields["text"] == f"{GERMAN} “quoted”" and reading.encodings == {"utf-8 and cp1252": 1}


def test_what_no_encoding_fits_is_left_out_and_not_guessed(tmp_path: Path) -> None:
    noise = bytes(range(128, 256)) * 4 + b"\x00\x01"
    rows, (bad,), _ = read(tmp_path, "a.txt", noise)
    assert rows == [] and bad.reason == "not UTF-8, and no other encoding fits"
    rows, (bad,), _ = read(tmp_path, "a.jsonl", b'{"text": "a"}\n' + noise.replace(b"\n", b"") + b'\n{"text": "b"}\n')
    assert texts(rows) == ["a", "b"] and bad.place == 2


def test_a_named_encoding_counts_whatever_the_bytes_look_like(tmp_path: Path) -> None:
    data = GERMAN.encode("cp850")
    assert texts(read(tmp_path, "a.txt", data, encoding="cp850")[0]) == [GERMAN]
    rows, (bad,), _ = read(tmp_path, "a.jsonl", b'{"text": "a"}\n\xff\n', encoding="utf-8")
    assert texts(rows) == ["a"] and (bad.place, bad.reason) == (2, "not utf-8")
    rows, (bad,), _ = read(tmp_path, "a.csv", "text\nab".encode("utf-16")[:-1])
    assert bad.breaks and bad.reason == "not utf-16-le from here on"


def test_a_page_is_read_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    page = f'<html><head><meta charset="koi8-r"></head><body><p>{RUSSIAN}</p></body></html>'
    (row,), _, reading = read(tmp_path, "a.html", page.encode("koi8-r"))
    assert row.fields["text"] == RUSSIAN and reading.encodings == {"koi8-r": 1}
    (row,), _, reading = read(tmp_path, "a.html", page.replace("koi8-r", "utf-16").encode())
    assert row.fields["text"] == RUSSIAN and reading.encodings == {"utf-8": 1}


def test_a_long_line_in_two_bytes_a_letter_is_quarantined_alone(tmp_path: Path) -> None:
    data = "text\nbefore\n" + "x" * 700_000 + "\nafter"
    rows, (bad,), _ = read(tmp_path, "a.csv", data.encode("utf-16"))
    assert texts(rows) == ["before", "after"]
    assert (bad.place, bad.reason) == (3, "a line of 700001 characters, and a record may have 500000 characters")
