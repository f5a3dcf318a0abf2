"""Sources as they stood: for any records and any moment, and the cases that people ask about."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.core.errors import SourceError
from include.data_preparation.sources.point_in_time import (
    Snapshot,
    Version,
    from_microseconds,
    in_order,
    microseconds,
    utc,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def version(name: str, event: float, recorded: float, content: str | None) -> Version[str]:
    return Version(name, day(event), day(recorded), content, f"file:{recorded}")


DAYS = st.integers(0, 12)
# one version of a record at one time, as a source that is right gives them
VERSIONS = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), DAYS), st.tuples(DAYS, st.sampled_from(["one", "two", None])), max_size=25
).map(
    lambda rows: [
        version(name, event, recorded, content and f"{name} {content}")
        for (name, recorded), (event, content) in rows.items()
    ]
)
ERASED = st.sets(st.sampled_from("abcdef"), max_size=2)


@dataclass(frozen=True)
class Shown:
    """All that a snapshot says."""

    visible: list[Version[str]]
    counts: tuple[int, int, int, int]
    newest: tuple[datetime | None, datetime | None]


def as_of(versions: list[Version[str]], erased: Collection[str], moment: datetime) -> Shown:
    snapshot = Snapshot[str](moment)
    groups = [list(mine) for _, mine in in_order(versions)]
    with TemporaryDirectory() as scratch:
        visible = list(snapshot.of(((mine[0].id in erased, mine) for mine in groups), Path(scratch)))
    counts = (snapshot.late, snapshot.corrected, snapshot.deleted, snapshot.erased)
    assert snapshot.visible == len(visible)
    return Shown(visible, counts, (snapshot.newest_event, snapshot.newest_recorded))


def said(shown: Shown) -> dict[str, str | None]:
    return {found.id: found.content for found in shown.visible}


@settings(max_examples=150, deadline=None)
@given(VERSIONS, ERASED, DAYS)
def test_nothing_is_from_the_future_and_the_newest_known_version_counts(
    versions: list[Version[str]], erased: set[str], moment: int
) -> None:
    found = as_of(versions, erased, day(moment))

    expected = {}
    for name in sorted({one.id for one in versions} - erased):
        known = [one for one in versions if one.id == name and one.recorded_at < day(moment)]
        newest = max(known, key=lambda one: one.recorded_at, default=None)
        if newest and newest.content is not None and newest.event_time < day(moment):
            expected[name] = newest.content
    assert said(found) == expected
    assert all(one.event_time < day(moment) and one.recorded_at < day(moment) for one in found.visible)


@settings(max_examples=100, deadline=None)
@given(VERSIONS, ERASED, DAYS, st.randoms())
def test_the_order_of_lines_and_what_is_recorded_later_do_not_matter(
    versions: list[Version[str]], erased: set[str], moment: int, random: object
) -> None:
    found = as_of(versions, erased, day(moment))
    shuffled = list(versions)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert as_of(shuffled, erased, day(moment)) == found
    assert as_of(versions + versions, erased, day(moment)) == found
    assert as_of([v for v in versions if v.recorded_at < day(moment)], erased, day(moment)) == found


@settings(max_examples=100, deadline=None)
@given(VERSIONS, ERASED, DAYS, DAYS)
def test_what_is_visible_stays_until_the_source_says_otherwise(
    versions: list[Version[str]], erased: set[str], one: int, other: int
) -> None:
    early, late = min(one, other), max(one, other)
    before, after = as_of(versions, erased, day(early)), as_of(versions, erased, day(late))
    touched = {v.id for v in versions if day(early) <= v.recorded_at < day(late)}

    assert {name for name in said(before) if name not in touched} <= said(after).keys()
    if not touched and all(not day(early) <= v.event_time < day(late) for v in versions):
        assert before == after


def test_late_corrected_and_deleted_records_count_from_when_they_were_recorded() -> None:
    versions = [
        version("punctual", 5, 5, "punctual"),
        version("late", 2, 8, "late"),
        version("corrected", 1, 1, "wrong"),
        version("corrected", 1, 6, "right"),
        version("deleted", 1, 1, "deleted"),
        version("deleted", 1, 7, None),
    ]

    assert said(as_of(versions, (), day(6))) == {"punctual": "punctual", "corrected": "wrong", "deleted": "deleted"}
    found = as_of(versions, (), day(9))
    assert said(found) == {"punctual": "punctual", "late": "late", "corrected": "right"}
    assert found.counts == (1, 1, 1, 0)
    assert found.newest == (day(5), day(8))


def test_an_interval_does_not_hold_its_end() -> None:
    assert said(as_of([version("a", 3, 3, "a")], (), day(3))) == {}
    assert said(as_of([version("a", 3, 3, "a")], (), day(3) + timedelta(microseconds=1))) == {"a": "a"}


def test_an_erased_record_is_left_out_of_the_past_too() -> None:
    found = as_of([version("a", 1, 1, "a"), version("b", 1, 1, "b")], {"a"}, day(2))

    assert said(found) == {"b": "b"} and found.counts == (0, 0, 0, 1)


def test_a_correction_may_move_a_record_past_the_moment() -> None:
    versions = [version("a", 1, 1, "a"), version("a", 9, 2, "a")]

    assert said(as_of(versions, (), day(5))) == {}
    assert said(as_of(versions, (), day(10))) == {"a": "a"}


def test_a_source_that_repeats_itself_brings_nothing_new() -> None:
    once = [version("a", 1, 1, "a")]
    daily = [version("a", 1, recorded, "a") for recorded in range(1, 8)]

    assert as_of(daily, (), day(9)) == as_of(once, (), day(9))


def test_two_versions_of_one_time_are_an_error_that_names_both_from_when_they_are_known() -> None:
    one = Version("a", day(1), day(2), "a", "old.jsonl:7")
    other = Version("a", day(1), day(2), "b", "new.jsonl:1")

    assert said(as_of([one, other], (), day(2))) == {}
    with pytest.raises(SourceError, match=r"record a = '2026-01-03.*new\.jsonl:1 and old\.jsonl:7 differ.*own record"):
        as_of([one, other], (), day(3))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("2026-01-03", day(2)),
        ("2026-01-03T00:00:00", day(2)),
        ("2026-01-03T02:00:00+02:00", day(2)),
        ("2026-01-02T19:00:00-05:00", day(2)),
        ("2026-01-03T00:00:00Z", day(2)),
        (date(2026, 1, 3), day(2)),
        (datetime(2026, 1, 3), day(2)),
    ],
)
def test_times_are_utc(given_: object, expected: datetime) -> None:
    assert utc(given_) == expected and utc(given_).tzinfo is UTC


@pytest.mark.parametrize("given_", ["", "yesterday", "2026-02-30", "0001-01-01T00:00:00+05:00", 1767225600, None, True])
def test_what_is_no_time_is_refused(given_: object) -> None:
    with pytest.raises(ValueError):
        utc(given_)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_as_a_number_is_exact(moment: datetime) -> None:
    assert from_microseconds(microseconds(moment)) == moment
