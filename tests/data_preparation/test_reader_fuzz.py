"""Any bytes under any name: a reader gives rows and reasons, in bounded time, and never fails."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.core.errors import SourceError
from include.data_preparation.config import AggregateConfig, CollectionConfig, ColumnsConfig, LimitsConfig
from include.data_preparation.readers import Row, Unreadable
from include.data_preparation.readers.formats import EXTENSIONS
from include.data_preparation.readers.packed import SUFFIXES, TAR_SUFFIXES
from include.data_preparation.sources.quarantine import Quarantined
from include.data_preparation.sources.undated_sources import Collection
from tests.data_preparation.reading import SAMPLES, read

LIMITS = LimitsConfig(max_unpacked_mb=8, max_record_characters=2000, max_html_elements=1000, max_pdf_pages=20)
NAMES = sorted({f"a{suffix}" for suffix in (*EXTENSIONS, *SUFFIXES, *TAR_SUFFIXES)} | {"a"})
# what the grammars of the formats are made of, so that random bytes get further than the first check
PIECES = [
    *(bytes([byte]) for byte in b"\"',;\t\n\r{}[]\0<>-"),
    *(b'{"text": "', b'"}', b"\\u", b"\\ud800", b"1e999", b"id,text\n", b"---\n", b"title: ", b"&a ", b"*a"),
    *(b"<p>", b"</p>", b"<html>", b"<!--", b"]]>", b"<table><tr>", b"&#", b"&amp;", b"<meta charset=", b"utf-7>"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\xe9", b"PAR1", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9"),
    *(b"%PDF-1.4\n", b"xref\n0 1\n", b"1 0 obj\n", b"endobj", b"stream\n", b"trailer<</Root 1 0 R>>", b"startxref\n0"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield tmp_path_factory.mktemp("fuzz")


def fuzz(examples: int) -> Any:
    return settings(
        max_examples=examples,
        deadline=timedelta(seconds=5),
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def check(folder: Path, name: str, data: bytes) -> None:
    rows, bad, _ = read(folder, name, data, limits=LIMITS)
    assert all(isinstance(row, Row) and row.place >= 0 for row in rows)
    assert all(isinstance(one, Unreadable) and one.reason and len(one.reason) < 200 for one in bad)
    assert read(folder, name, data, limits=LIMITS)[:2] == (rows, bad), "it reads the same each time"


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=30), max_size=40).map(b"".join))
@fuzz(40)
def test_any_bytes_under_any_name(folder: Path, name: str, data: bytes) -> None:
    check(folder, name, data)


@pytest.mark.parametrize("name", sorted(SAMPLES))
@given(st.integers(0, 2**32), st.integers(1, 8))
@fuzz(40)
def test_good_files_with_some_bytes_changed_cut_or_doubled(folder: Path, name: str, seed: int, changes: int) -> None:
    draw, data = random.Random(seed), bytearray(SAMPLES[name])
    for _ in range(changes):
        at = draw.randrange(len(data) + 1)
        kind = draw.randrange(6)
        if kind == 0:
            data[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 1:
            del data[at : at + draw.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = draw.choice(PIECES)
        elif kind == 3:
            data[at:at] = data[draw.randrange(len(data) + 1) :][:200]
        elif kind == 4:
            # lengths, counts and offsets that are not true
            digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57] or [0]
            place = draw.choice(digits)
            data[place : place + 1] = str(draw.choice([0, 99, 65536, 2**31, 2**63])).encode()
        elif draw.random() < 0.2:
            del data[at:]
    check(folder, name, bytes(data))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_good_files_cut_anywhere(folder: Path, name: str) -> None:
    data = SAMPLES[name]
    for end in range(0, len(data), max(1, len(data) // 40)):
        check(folder, name, data[:end])


@pytest.mark.parametrize("name", [name for name in sorted(SAMPLES) if name != "a.pdf"])
@given(st.sampled_from(sorted(SAMPLES)))
@fuzz(14)
def test_a_file_under_the_name_of_another_format(folder: Path, name: str, other: str) -> None:
    check(folder, name, SAMPLES[other])


@given(st.lists(st.tuples(st.sampled_from(sorted(SAMPLES)), st.integers(0, 2**32)), min_size=1, max_size=4))
@fuzz(40)
def test_every_record_of_damaged_files_is_accounted_for(folder: Path, files: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as where:
        for number, (name, seed) in enumerate(files):
            draw, data = random.Random(seed), bytearray(SAMPLES[name])
            for _ in range(3):
                data[draw.randrange(len(data))] = draw.randrange(256)
            Path(where, f"{number}{name[1:]}").write_bytes(data)
        source = CollectionConfig(name="manuals", location=where, license="MIT", columns=ColumnsConfig(id="id"))
        config = AggregateConfig(collections=(source,), limits=LIMITS, max_quarantined_share=1)
        collection = Collection(None, source, config)  # type: ignore[arg-type]
        (folder / "reading").mkdir(exist_ok=True)
        documents, lost = [], list[Quarantined]()
        with suppress(SourceError):  # none may be left
            documents.extend(collection.documents(folder / "reading", lambda title, found: lost.extend(found)))
        tally = collection.tally
        assert tally.read == tally.documents + tally.quarantined + tally.repeated
        assert tally.read + tally.foreign > 0 and len(lost) == tally.quarantined + tally.foreign
        assert tally.broken <= min(tally.opened, tally.quarantined), "no file is broken twice"
        assert len({document.id for document in documents}) == tally.documents == len(documents)
