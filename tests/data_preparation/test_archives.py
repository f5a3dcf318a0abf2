"""Tar and zip archives: what is read of them, and what a hostile or damaged one can do."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from include.data_preparation.config import LimitsConfig
from include.data_preparation.readers import Unreadable
from tests.data_preparation.reading import LINES, json_lines, packed, read, tarred, texts, zipped

BLOCK = tarfile.BLOCKSIZE
FILES = {"a.jsonl": LINES, "b/c.txt": b"Third text."}
BROKEN = "broken tar archive: what follows its last file is none, and nothing after it is read"


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


@pytest.mark.parametrize(
    "name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tbz2", "a.tar.xz", "a.txz", "a.tar.zst"]
)
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_archive_is_read_however_it_is_packed(tmp_path: Path, name: str, form: int) -> None:
    rows, bad, reading = read(tmp_path, name, packed(name, tarred(FILES, form=form)))
    assert texts(rows) == ["First text.", "Second text.", "Third text."] and bad == []
    assert reading.formats == {"jsonl": 1, "text": 1}
    assert texts(read(tmp_path, "export", packed(name, tarred(FILES)))[0]) == texts(rows), "by its first bytes"


def test_long_names_and_folders_are_no_records(tmp_path: Path) -> None:
    files = {f"{'folder/' * 40}é{number}.txt": b"Text." for number in range(2)}
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        data = tarred(files, entry("folder", tarfile.DIRTYPE), form=form)
        assert len(read(tmp_path, "a.tar", data)[0]) == 2


def test_names_links_and_devices_lead_nowhere(tmp_path: Path) -> None:
    extra = [
        entry("link.txt", tarfile.SYMTYPE, "/etc/passwd"), entry("hard.txt", tarfile.LNKTYPE, "a.txt"),
        entry("device", tarfile.CHRTYPE), entry("disk", tarfile.BLKTYPE), entry("pipe.txt", tarfile.FIFOTYPE),
    ]  # fmt: skip
    before = sorted(tmp_path.parent.iterdir())
    files = {"../../outside.txt": b"One.", "/etc/other.txt": b"Two.", "a.txt": b"Three."}
    rows, bad, _ = read(tmp_path, "a.tar", tarred(files, *extra))
    assert texts(rows) == ["One.", "Two.", "Three."]
    assert [one.reason for one in bad] == ["a link inside of an archive"] * 2 + ["no file but a device or pipe"] * 3
    assert all(one.foreign and not one.breaks for one in bad)
    assert sorted(tmp_path.parent.iterdir()) == before and not Path("/etc/other.txt").exists()


def test_a_link_in_a_zip_archive_is_no_text(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    rows, (bad,), _ = read(tmp_path, "a.zip", buffer.getvalue())
    assert rows == [] and bad.foreign and bad.reason == "a link inside of an archive"


def test_a_file_with_holes_stays_packed(tmp_path: Path) -> None:
    hole = tarfile.TarInfo("bomb.txt")
    hole.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": "0,0"}
    hole.pax_headers |= {"GNU.sparse.size": str(1 << 50), "GNU.sparse.numblocks": "1", "GNU.sparse.name": "bomb.txt"}
    rows, (bad,), _ = read(tmp_path, "a.tar", tarred({"a.txt": b"Text."}, hole))
    assert texts(rows) == ["Text."] and (bad.reason, bad.breaks) == ("a file with holes", True)


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_of_two_members_with_one_name_the_second_is_told(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    if name == "a.zip":
        with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.txt", b"One.")
            archive.writestr("a.txt", b"Two.")
    else:
        end = 2 * BLOCK
        buffer.write(tarred({"a.txt": b"One."})[:end] + tarred({"a.txt": b"Two."}))
    rows, (bad,), _ = read(tmp_path, name, buffer.getvalue())
    assert texts(rows) == ["One."]
    assert bad == Unreadable(0, "another file of its archive has its name", breaks=True)


def test_a_cut_or_damaged_tar_archive_gives_what_is_before_and_says_so(tmp_path: Path) -> None:
    whole = tarred({"a.txt": b"First text.", "b.txt": b"Second text. " * 100, "c.txt": b"Third text."})
    damaged = bytearray(whole)
    damaged[2 * BLOCK + 150] ^= 0xFF
    for data, count, reasons in (
        (whole[: 3 * BLOCK + 7], 1, ["broken in its tar archive", "broken tar archive"]),
        (whole[: 2 * BLOCK + 100], 1, [BROKEN]),
        (whole[: 2 * BLOCK], 1, ["the tar archive has no end"]),
        (bytes(damaged), 1, [BROKEN]),
        (whole + whole, 3, [BROKEN]),
        (b"no tar", 0, ["broken tar archive"]),
        (tarred({}), 0, ["empty"]),
    ):
        rows, bad, _ = read(tmp_path, "a.tar", data)
        assert (len(rows), [one.reason for one in bad]) == (count, reasons)
        assert all(one.breaks for one in bad)
    assert read(tmp_path, "a.zip", zipped())[1][0].reason == "empty"


def test_headers_do_not_fill_the_memory(tmp_path: Path) -> None:
    long = tarfile.TarInfo("a.txt")
    long.pax_headers = {"comment": "x" * (2 << 20)}
    rows, (bad,), _ = read(tmp_path, "a.tar", tarred({}, long))
    assert rows == [] and bad.reason == "its headers are too long"
    limits = LimitsConfig(max_archive_files=2)
    many = tarred({f"{number}.txt": b"Text." for number in range(3)})
    rows, (bad,), _ = read(tmp_path, "a.tar", many, limits=limits)
    assert len(rows) == 2 and bad.reason == "more than 2 files; nothing after them is read"
    listing = zipped(**{f"{'x' * 200}{number}": b"" for number in range(6000)})
    assert read(tmp_path, "a.zip", listing, limits=limits)[1][0].reason == "its headers are too long"


def test_what_an_archive_holds_counts_once(tmp_path: Path) -> None:
    data = packed("a.tar.gz", tarred({f"{number}.jsonl": json_lines("x" * 3000) * 100 for number in range(3)}))
    rows, bad, _ = read(tmp_path, "a.tar.gz", data, limits=LimitsConfig(max_unpacked_mb=1))
    assert len(rows) == 300 and bad == []


def test_a_size_below_zero_does_not_lead_back(tmp_path: Path) -> None:
    header = bytearray(tarred({"a.txt": b"Text."}))
    header[124:136] = b"\xff" * 8 + (-BLOCK).to_bytes(4, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:BLOCK])
    rows, bad, _ = read(tmp_path, "a.tar", bytes(header))
    assert rows == [] and len(bad) == 1
