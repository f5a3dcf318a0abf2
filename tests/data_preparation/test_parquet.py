"""Parquet files made to fill the memory: what the pages would take is known before any is decoded."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from include.core.settings import PROJECT_ROOT
from include.data_preparation.config import LimitsConfig
from include.data_preparation.readers import Unreadable
from include.data_preparation.readers.pages import largest_pages
from tests.data_preparation.reading import parquet, read, texts

MIB = 1 << 20
# what a worker may take at any size of its input
MOST_MEMORY = 1024 * MIB
WRITE = """
import random, sys, pyarrow, pyarrow.parquet
size, copies, how = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
value = random.Random(1).randbytes(size // 2).hex() if how == "random" else "é" * (size // 2)
table = pyarrow.table({"text": [value] * copies + ["Last text."]})
options = dict(use_dictionary=how == "dictionary", dictionary_pagesize_limit=1 << 30, compression="zstd")
pyarrow.parquet.write_table(table, sys.argv[1], **options)
"""
READ = """
import sys
from pathlib import Path
from include.data_preparation.readers import Reading, read_file
for _, one in read_file("a.parquet", Path(sys.argv[1]), Reading(Path(sys.argv[1]).parent)):
    print(getattr(one, "reason", "") or one.fields["text"])
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


def run(code: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize(
    ("size", "copies", "how", "told"),
    [
        (300 * MIB, 1, "equal", "bytes of memory, and 268435456 are read: write smaller ones"),
        (100 * MIB, 3, "dictionary", "over 200 times its size unpacked: a bomb"),
        (150 * MIB, 1, "random", "157286400 bytes, and a record may have 500000 characters"),
    ],
)
def test_an_enormous_value_is_refused_within_the_memory_of_a_worker(
    tmp_path: Path, size: int, copies: int, how: str, told: str
) -> None:
    path = tmp_path / "a.parquet"
    run(WRITE, path, size, copies, how)
    *lines, peak = run(READ, path)
    assert told in lines[0]
    assert lines[1:] == (["Last text."] if how == "random" else []), "a long value takes no other row with it"
    assert int(peak) < MOST_MEMORY


def test_a_long_value_is_quarantined_alone_whatever_holds_it(tmp_path: Path) -> None:
    limits = LimitsConfig(max_record_characters=1000)
    values = ["First text.", "x" * 5000, None, "Last text."]
    plain = pyarrow.array(values)
    for column in (plain, plain.cast(pyarrow.large_string()), plain.dictionary_encode()):
        rows, bad, _ = read(tmp_path, "a.parquet", parquet(text=column), limits=limits)
        assert texts(rows) == ["First text.", None, "Last text."]
        assert bad == [Unreadable(2, "5000 bytes, and a record may have 1000 characters")]


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([["x"] * 3]),
        pyarrow.array([{"a": "x"}]),
        pyarrow.nulls(1, pyarrow.binary(1 << 20)),
    ],
)
def test_columns_that_may_unfold_to_any_size_are_not_decoded(tmp_path: Path, column: Any) -> None:
    _, bad, _ = read(tmp_path, "a.parquet", parquet(text=column))
    assert [one.reason for one in bad] == ["its column text holds neither texts nor numbers"]
    assert texts(read(tmp_path, "a.parquet", parquet(text=["First text."], other=column))[0]) == ["First text."]


def test_a_file_of_more_rows_than_it_can_hold_is_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    column = pyarrow.Array.from_buffers(pyarrow.int8(), 17 << 20, [None, pyarrow.py_buffer(bytes(17 << 20))])
    pyarrow.parquet.write_table(pyarrow.table({"n": column}), path)
    _, bad, _ = read(tmp_path, "a.parquet", path.read_bytes())
    assert [one.reason for one in bad] == ["over 200 times its size unpacked: a bomb"]


@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0"}, {"write_page_checksum": True}])
@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_the_largest_pages_of_a_column_are_found(tmp_path: Path, options: dict[str, Any], compression: str) -> None:
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"text": [f"Text {number}." for number in range(20_000)], "n": range(20_000)})
    pyarrow.parquet.write_table(
        table, path, use_dictionary=False, compression=compression, data_page_size=4096, **options
    )
    with pyarrow.parquet.ParquetFile(path) as file:
        chunk = file.metadata.row_group(0).column(0)
        found = largest_pages(path, chunk)
        assert 4096 <= found.data < 65_536 < chunk.total_uncompressed_size
        assert found.dictionary == 0 and 0 < found.packed <= found.data
    pyarrow.parquet.write_table(
        pyarrow.table({"text": ["x" * 9000] * 9}), path, use_dictionary=True, compression="none"
    )
    with pyarrow.parquet.ParquetFile(path) as file:
        assert largest_pages(path, file.metadata.row_group(0).column(0))[1:] == (9004, 9004)
