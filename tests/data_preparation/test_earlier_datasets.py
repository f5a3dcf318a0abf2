"""What earlier datasets had: which of equal and similar documents stays, and which are known to come again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.deduplicate import deduplicate
from include.data_preparation.documents import (
    DROPPED,
    Document,
    read_dropped,
    shard_name,
    write_planted_of,
    write_rows,
)
from include.data_preparation.duplicates.shingles import read
from include.data_preparation.match import match
from include.data_preparation.sketch import sketch
from tests.data_preparation.duplicate_search import CONFIG, LONG, doc, dropped_of, found_in, jaccard, spread

MIDNIGHT = "T00:00:00+00:00"


def test_a_text_keeps_the_id_of_the_earliest_dataset() -> None:
    old, new = doc("the old one", LONG), doc("new", LONG)
    assert dropped_of([[old, new]])[0].keys() == {old.id}

    reason = f"same text as {old.id} of dataset dataset0"
    assert dropped_of([[new], [old]], earlier=[[old]])[0] == {new.id: reason}
    assert dropped_of([[new], [old]], earlier=[[old], [new]])[0] == {new.id: reason}
    assert dropped_of([[new]], earlier=[[old]])[0] == {}, "its first id is gone: it stays under another"
    assert dropped_of([[new, old]], earlier=[[new]])[0] == dropped_of([[new, old]])[0]


def test_a_feed_that_delivers_each_record_once_does_not_repeat_one() -> None:
    config = CONFIG.model_copy(update={"earlier_datasets": "drop"})
    old, new, again = doc("old", LONG), doc("new", LONG), doc("n", LONG.upper())
    other = doc("other", "Something else entirely, about the parsing of dates.")

    gone, _ = dropped_of([[new, other], [again]], config, earlier=[[old]])
    assert gone == dict.fromkeys((new.id, again.id), f"same text as {old.id} of dataset dataset0")
    assert dropped_of([[old, other]], config, earlier=[[old], [new]])[0] == {}, "the same record may come again"
    assert dropped_of([[old], [new]], config, earlier=[[old]])[0].keys() == {new.id}


def test_of_near_copies_the_one_that_an_earlier_dataset_had_stays() -> None:
    old, new = doc("the old one", LONG * 2), doc("new", LONG * 2 + "Or so.")
    assert dropped_of([[old], [new]])[0].keys() == {old.id}
    assert dropped_of([[old], [new]], earlier=[[old]])[0] == {
        new.id: f"near duplicate of {old.id} ({jaccard(old.text, new.text):.2f}) of dataset dataset0"
    }
    moved = doc("the same text under an id as long as can be", old.text)
    assert dropped_of([[moved], [new]], earlier=[[old]])[0].keys() == {new.id}, "its text was had"


def test_a_crowd_goes_for_the_one_that_an_earlier_dataset_had() -> None:
    boilerplate = " ".join(f"word{number}" for number in range(60))
    crowd = [doc(f"{number:04}", f"{boilerplate} ticket {number}") for number in range(100)]
    old = doc("of an id that is longer", f"{boilerplate} ticket of old")
    assert dropped_of(spread([*crowd, old], 2), earlier=[[old]])[0].keys() == {document.id for document in crowd}


def test_a_near_copy_of_what_has_left_the_sources_is_known() -> None:
    old, new = doc("old", LONG * 2), doc("new", LONG * 2 + "Or so.")
    edited = doc("old", LONG * 2 + "As it is now.")
    other = doc("other", "Something else entirely, about the parsing of dates.")
    drop = CONFIG.model_copy(update={"earlier_datasets": "drop"})

    reason = f"near duplicate of {old.id} ({jaccard(old.text, new.text):.2f}) of dataset dataset1"
    gone, (count, *_), again = found_in([[new], [other]], drop, [[other], [old], [old]])
    assert (gone, again) == ({new.id: reason}, 1)
    assert count.references == 1
    assert found_in([[new], [other]], CONFIG, [[other], [old]])[::2] == ({}, 1), "a dataset is whole"
    assert found_in([[edited], [other]], drop, [[old]])[::2] == ({}, 0), "a record may change"


def test_earlier_datasets_of_other_settings_are_told_and_hold_equal_texts() -> None:
    old, near, same = doc("old", LONG * 2), doc("near", LONG * 2 + "Or so."), doc("same", LONG * 2)
    config = CONFIG.model_copy(update={"earlier_datasets": "drop", "shingle_words": 2})
    gone, (count,), again = found_in([[near]], config, [[old]])
    assert (gone, again, count.unread) == ({}, 0, 1)
    assert dropped_of([[same]], config, earlier=[[old]])[0].keys() == {same.id}


def _answer(documents: list[Document], earlier: list[list[Document]], drop: bool) -> tuple[set[str], int]:
    """Which documents go, and how many repeat an earlier dataset and are counted, by looking at all pairs."""

    def near(one: Document, two: Document) -> bool:
        return read(one.text).whole == read(two.text).whole or jaccard(one.text, two.text) >= CONFIG.near_duplicate

    def first(found: Callable[[Document], bool]) -> int:
        return next((number for number, dataset in enumerate(earlier) if any(map(found, dataset))), len(earlier))

    known = {one.id: first(lambda old, name=one.id: old.id == name) for one in documents}  # type: ignore[misc]
    had = {one.text: first(lambda old, one=one: read(old.text).whole == read(one.text).whole) for one in documents}  # type: ignore[misc]
    again = {
        one.id
        for one in documents
        if known[one.id] == len(earlier) and any(near(one, old) for dataset in earlier for old in dataset)
    }
    left = [one for one in documents if not (drop and one.id in again)]
    stands = {
        text: min((min(known[one.id], had[text]), len(one.id)) for one in documents if one.text == text) for text in had
    }
    kept: list[Document] = []
    for one in sorted(left, key=lambda one: (stands[one.text], known[one.id], len(one.id))):
        if not any(near(one, other) for other in kept):
            kept.append(one)
    gone = {one.id for one in documents} - {one.id for one in kept}
    return gone, len(again if drop else again - gone)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(range(8))), max_size=12, unique_by=lambda drawn: drawn[0]),
    st.lists(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(range(8))), max_size=5), max_size=3),
    st.integers(1, 4),
    st.booleans(),
)
def test_what_earlier_datasets_had_counts_as_all_pairs_say(
    drawn: list[tuple[int, int]], before: list[list[tuple[int, int]]], shards: int, drop: bool
) -> None:
    line = [f"word{number}" for number in range(30)]
    # similar to the next, and to the next but one or not
    texts = [" ".join(line[start : start + 20]) for start in (0, 1, 2, 3, 4, 8)] + ["alpha", ""]
    documents, *earlier = (
        [doc("x" * length, texts[text]) for length, text in dict(part).items()] for part in (drawn, *before)
    )
    config = CONFIG.model_copy(update={"earlier_datasets": "drop" if drop else "first_id_stays"})
    gone, _, again = found_in(spread(documents, shards), config, earlier)
    assert (set(gone), again) == _answer(documents, earlier, drop)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=15), st.data())
def test_datasets_made_in_any_order_are_the_same(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    records = [
        replace(doc(f"{number}{'x' * topic}", f"{LONG} {topic}"), event_time=f"2025-01-{day + 1:02d}{MIDNIGHT}")
        for number, (topic, day) in enumerate(drawn)
    ]

    def visible(day: int) -> list[Document]:
        return [record for record in records if record.event_time < f"2025-01-{day:02d}"]

    made: dict[int, list[Document]] = {}
    for day in data.draw(st.permutations([4, 8, 12])):
        found = visible(day)
        gone = dropped_of([found], earlier=[made[before] for before in sorted(made) if before < day])[0]
        assert gone == dropped_of([found])[0]
        made[day] = [record for record in found if record.id not in gone]


@step("dataset")
def cleaned(work: Workspace, rows: list[list[str]], generated: bool) -> None:
    documents = [replace(doc(name, text), generated=generated) for name, text in rows]
    write_rows(work.output / shard_name(0), Document, documents)
    write_planted_of(work.output, {}, set())


def _deduplicated(
    store: ArtifactStore,
    shards: Sequence[ArtifactRef],
    earlier: Sequence[ArtifactRef] = (),
    config: DeduplicateConfig = CONFIG,
) -> Outcome:
    partitions = list(range(len(shards)))
    sketches = [sketch(store, source=ref, partitions=partitions, config=config) for ref in shards]
    matches = [
        match(store, sketches=sketches, partition=one, earlier=list(earlier), config=config) for one in partitions
    ]
    return deduplicate.run(store, {"sources": list(shards), "sketches": sketches, "matches": matches, "config": config})


def test_a_dataset_remembers_what_stayed_in_earlier_ones(store: ArtifactStore, tmp_path: Path) -> None:
    kept, gone = " ".join(f"word{number}" for number in range(50)), " ".join(f"word{number}" for number in range(5, 55))
    made = " ".join(f"made{number}" for number in range(50))
    old = [cleaned(store, rows=[["a", kept], ["bb", gone]], generated=False)]
    first = _deduplicated(store, [*old, cleaned(store, rows=[["made", made]], generated=True)]).ref

    now = [[["new", f"{kept} too"]], [["other", f"{gone} of late"]], [["real", f"{made} too"]], [["and", "no more"]]]
    shards = [cleaned(store, rows=rows, generated=False) for rows in now]
    config = CONFIG.model_copy(update={"earlier_datasets": "drop"})
    outcome = _deduplicated(store, shards, [first], config)
    dropped = {row.id: row.reason for row in read_dropped(store.fetch(outcome.ref, tmp_path) / DROPPED)}
    assert dropped == {
        "docstring:new": f"near duplicate of docstring:a ({jaccard(kept, now[0][0][1]):.2f}) of dataset "
        f"{first.fingerprint[:12]}"
    }, "neither what was dropped then nor what was generated is held against real texts"
    assert outcome.metrics["earlier"] == outcome.metrics["near"] == 1
    whole = _deduplicated(store, shards, [first])
    assert (whole.metrics["dropped"], whole.metrics["earlier"]) == (0, 1)

    again = [cleaned(store, rows=[["late", kept]], generated=False)]
    with pytest.raises(SourceError, match="earlier_datasets"):
        _deduplicated(store, again, [first], config)


def test_partitions_that_look_back_at_different_datasets_decide_nothing(store: ArtifactStore) -> None:
    first = _deduplicated(store, [cleaned(store, rows=[["a", LONG]], generated=False)]).ref
    shards = [cleaned(store, rows=[[name, f"{LONG} {name}"]], generated=False) for name in ("b", "c")]
    sketches = [sketch(store, source=ref, partitions=[0, 1], config=CONFIG) for ref in shards]
    matches = [match(store, sketches=sketches, partition=one, earlier=[first] * one, config=CONFIG) for one in (0, 1)]
    with pytest.raises(ConfigurationError, match=r"matches = 'none; \w{12}': they look back at different earlier"):
        deduplicate(store, sources=shards, sketches=sketches, matches=matches, config=CONFIG)
