"""Rows sorted by way of the disk, in as many runs as there are."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data_preparation.sources import sorted_rows
from include.data_preparation.sources.sorted_rows import SortedRows

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
ROWS = st.lists(st.tuples(TEXTS, st.integers(-(2**63), 2**63)), max_size=60)


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(1, 4))
def test_rows_come_in_order_however_few_are_held(rows: list[tuple[str, int]], held: int) -> None:
    with TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorted_rows, "HELD_CHARACTERS", held * sorted_rows.ROW)
        patch.setattr(sorted_rows, "MERGED", 2)
        found = SortedRows(Path(scratch), "rows")
        for row in rows:
            found.add(list(row))

        assert list(map(tuple, found)) == sorted(rows)
        assert list(map(tuple, found)) == sorted(rows), "as often as they are asked for"
