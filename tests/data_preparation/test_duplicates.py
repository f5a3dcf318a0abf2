"""Equal and similar documents, found in map and reduce."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.outcome import Outcome
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.deduplicate import deduplicate, find_dropped
from include.data_preparation.documents import (
    DROPPED,
    Document,
    read_dropped,
    shard_name,
    write_planted_of,
    write_rows,
)
from include.data_preparation.duplicates import candidates
from include.data_preparation.duplicates.earlier_datasets import Earlier
from include.data_preparation.duplicates.shingles import words
from include.data_preparation.duplicates.sketch_files import DOCUMENTS
from include.data_preparation.match import Matched, match, write_matches
from include.data_preparation.sketch import sketch, write_sketch

CONFIG = DeduplicateConfig()
LONG = "The scheduler starts every job when its time has come and keeps a note of what it did in the log file. "
MIDNIGHT = "T00:00:00+00:00"
FEW_WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1, max_size=12)


def _document(name: str, text: str) -> Document:
    return Document(f"docstring:{name}", "docstrings", name, text, "MIT")


def _dropped(
    shards: Sequence[Sequence[Document]],
    config: DeduplicateConfig = CONFIG,
    earlier: Sequence[Sequence[Document]] = (),
) -> tuple[dict[str, str], list[Matched]]:
    """Ids of the documents that go with their reasons, and what each partition counted; as many as shards."""
    return _found(shards, config, earlier)[:2]


def _found(
    shards: Sequence[Sequence[Document]], config: DeduplicateConfig, earlier: Sequence[Sequence[Document]]
) -> tuple[dict[str, str], list[Matched], int]:
    """What `_dropped` gives, and how many documents repeat an earlier dataset and are counted."""
    with TemporaryDirectory() as name:
        folders = [Path(name) / f"{kind}{part}" for kind in ("sketch", "match") for part in range(len(shards))]
        for folder in folders:
            folder.mkdir()
        sketches, matches = folders[: len(shards)], folders[len(shards) :]
        for folder, documents in zip(sketches, shards, strict=True):
            write_rows(folder / shard_name(0), Document, documents)
            write_sketch(folder / shard_name(0), folder, len(shards), config)
        before = [_earlier(Path(name) / f"dataset{number}", documents) for number, documents in enumerate(earlier)]
        counts = [
            write_matches(lambda file: [folder / file for folder in sketches], partition, folder, config, before)
            for partition, folder in enumerate(matches)
        ]
        found, again = find_dropped([folder / DOCUMENTS for folder in sketches], matches, config)
        gone = found.to_pylist()
    for row in gone:
        assert shards[row["shard"]][row["row"]].id == row["id"]
    return {row["id"]: row["reason"] for row in gone}, counts, again


def _earlier(folder: Path, documents: Sequence[Document], partitions: int = 3) -> Earlier:
    """An earlier dataset of these documents."""
    folder.mkdir()
    write_rows(folder / shard_name(0), Document, documents)
    write_sketch(folder / shard_name(0), folder, partitions, CONFIG)
    return Earlier(folder.name, folder / DOCUMENTS, lambda name: [folder / name])


def _spread(documents: Sequence[Document], shards: int) -> list[list[Document]]:
    return [[one for number, one in enumerate(documents) if number % shards == shard] for shard in range(shards)]


def _jaccard(one: str, two: str) -> float:
    sets = []
    for text in (one, two):
        found = words(text)
        sets.append({tuple(found[start : start + 3]) for start in range(max(1, len(found) - 2))})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


def test_duplicates_name_the_document_that_stays() -> None:
    documents = [
        _document("a", LONG),
        _document("b", LONG.upper().replace(" ", "\n")),
        _document("cc", LONG.replace("log file", "log book")),
        _document("e", "Something else entirely, about the parsing of dates."),
    ]
    gone, _ = _dropped(_spread(documents, 2), DeduplicateConfig(near_duplicate=0.7))

    assert gone.keys() == {"docstring:b", "docstring:cc"}
    assert gone["docstring:b"] == "same text as docstring:a"
    assert gone["docstring:cc"].startswith("near duplicate of docstring:a (0.")


@pytest.mark.parametrize(
    ("preferred", "other"),
    [
        ({"generated": False}, {"generated": True, "id": "a"}),
        ({"id": "short"}, {"id": "much longer"}),
        (
            {"id": "a long id, but early", "event_time": "2025-01-01T00:00:00+00:00"},
            {"event_time": "2025-02-01T00:00:00+00:00"},
        ),
        ({"id": "aa"}, {"id": "bbb"}),
    ],
)
def test_the_preferred_document_stays(preferred: dict[str, object], other: dict[str, object]) -> None:
    for text in (LONG * 2, LONG * 2 + "Or so."):
        documents = [replace(_document("x", LONG * 2), **preferred), replace(_document("x", text), **other)]  # type: ignore[arg-type]
        gone, _ = _dropped([[documents[1]], [documents[0]]])
        assert list(gone) == [documents[1].id]


@settings(max_examples=40, deadline=None)
@given(st.lists(FEW_WORDS, max_size=12), st.integers(1, 4))
def test_near_duplicates_are_found_exactly_where_jaccard_says_so(texts: list[list[str]], shards: int) -> None:
    documents = [_document(str(index), " ".join(found)) for index, found in enumerate(texts)]
    gone, _ = _dropped(_spread(documents, shards))

    kept = [document.text for document in documents if document.id not in gone]
    assert all(_jaccard(one, two) < 0.8 for index, one in enumerate(kept) for two in kept[:index])
    for document in documents:
        assert document.id not in gone or max(_jaccard(document.text, text) for text in kept) >= 0.8


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.booleans()), min_size=1, max_size=30),
    st.integers(2, 7),
)
def test_the_number_of_shards_changes_nothing(planted: list[tuple[int, int, bool]], shards: int) -> None:
    documents = []
    for number, (topic, changed, generated) in enumerate(planted):
        found = [f"{word}{topic}" for word in (LONG * 2).split()]
        found[7 * changed] = "changed"
        documents.append(replace(_document(str(number), " ".join(found)), generated=generated))

    assert _dropped([documents])[0] == _dropped(_spread(documents, shards))[0]


def test_a_chain_loses_its_middle_alone_where_its_ends_differ() -> None:
    found = [f"word{number}" for number in range(60)]
    start, middle, end = (" ".join(found[begin : begin + 50]) for begin in (0, 3, 6))
    assert _jaccard(start, middle) >= 0.8 > _jaccard(start, end)

    gone, _ = _dropped(_spread([_document("a", start), _document("bb", middle), _document("ccc", end)], 2))
    assert gone.keys() == {"docstring:bb"}


def test_a_crowd_of_similar_texts_costs_a_comparison_each() -> None:
    boilerplate = " ".join(f"word{number}" for number in range(60))
    crowd = [_document(f"{number:04}", f"{boilerplate} ticket {number}") for number in range(400)]
    equal = [_document(f"equal {number:04}", boilerplate) for number in range(400)]
    gone, counts = _dropped(_spread([*crowd, *equal], 2))

    assert len(gone) == len(crowd) + len(equal) - 1
    assert all(count.compared < 8 * len(crowd) and not count.unexamined for count in counts)


def test_what_is_not_examined_in_a_crowded_band_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SMALL", 4)
    monkeypatch.setattr(candidates, "ROUNDS", 1)
    half = " ".join(f"word{number}" for number in range(30))
    texts = [f"{half} " + " ".join(f"own{number}x{word}" for word in range(18)) for number in range(40)]
    _, (count,) = _dropped([[_document(str(number), text) for number, text in enumerate(texts)]])
    assert count.unexamined


def test_many_crowds_are_each_left_with_one() -> None:
    crowds = [
        [_document(f"{topic:03}-{number}", " ".join(f"w{topic}x{word}" for word in range(60)) + f" no {number}")]
        for topic in range(150)
        for number in range(40)
    ]
    gone, (count,) = _dropped([[document for crowd in crowds for document in crowd]])
    assert len(gone) == len(crowds) - 150
    assert count.compared < 12 * len(crowds)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("दिन", "दान", False),
        ("की बात", "कि बात", False),
        ("สวัสดี", "สวสด", False),
        ("今天天气很好", "今天 天气很好。", True),
        ("Straße im Café", "STRASSE IM CAFÉ", True),
    ],
)
def test_texts_are_the_same_by_whole_words_in_every_script(one: str, other: str, same: bool) -> None:
    gone, _ = _dropped([[_document("a", one), _document("bb", other)]])
    assert list(gone.values()) == (["same text as docstring:a"] if same else [])


def test_near_copies_are_found_in_scripts_without_spaces() -> None:
    text = "人工智能系统在夜间运行所有任务并把结果写入日志文件以便工程师第二天早上查看其中出现的任何问题"
    gone, _ = _dropped([[_document("a", text), _document("bb", text.replace("夜间", "夜里"))]])
    assert gone.keys() == {"docstring:bb"}


def test_shards_may_be_empty() -> None:
    assert _dropped([[], [_document("a", LONG)], []])[0] == {}
    assert _dropped([[]])[0] == {}


def test_a_text_keeps_the_id_of_the_earliest_dataset() -> None:
    old, new = _document("the old one", LONG), _document("new", LONG)
    assert _dropped([[old, new]])[0].keys() == {old.id}

    reason = f"same text as {old.id} of dataset dataset0"
    assert _dropped([[new], [old]], earlier=[[old]])[0] == {new.id: reason}
    assert _dropped([[new], [old]], earlier=[[old], [new]])[0] == {new.id: reason}
    assert _dropped([[new]], earlier=[[old]])[0] == {}, "its first id is gone: it stays under another"
    assert _dropped([[new, old]], earlier=[[new]])[0] == _dropped([[new, old]])[0]


def test_a_feed_that_delivers_each_record_once_does_not_repeat_one() -> None:
    config = CONFIG.model_copy(update={"earlier_datasets": "drop"})
    old, new, again = _document("old", LONG), _document("new", LONG), _document("n", LONG.upper())
    other = _document("other", "Something else entirely, about the parsing of dates.")

    gone, _ = _dropped([[new, other], [again]], config, earlier=[[old]])
    assert gone == dict.fromkeys((new.id, again.id), f"same text as {old.id} of dataset dataset0")
    assert _dropped([[old, other]], config, earlier=[[old], [new]])[0] == {}, "the same record may come again"
    assert _dropped([[old], [new]], config, earlier=[[old]])[0].keys() == {new.id}


def test_of_near_copies_the_one_that_an_earlier_dataset_had_stays() -> None:
    old, new = _document("the old one", LONG * 2), _document("new", LONG * 2 + "Or so.")
    assert _dropped([[old], [new]])[0].keys() == {old.id}
    assert _dropped([[old], [new]], earlier=[[old]])[0] == {
        new.id: f"near duplicate of {old.id} ({_jaccard(old.text, new.text):.2f}) of dataset dataset0"
    }
    moved = _document("the same text under an id as long as can be", old.text)
    assert _dropped([[moved], [new]], earlier=[[old]])[0].keys() == {new.id}, "its text was had, though its id is gone"


def test_a_crowd_goes_for_the_one_that_an_earlier_dataset_had() -> None:
    boilerplate = " ".join(f"word{number}" for number in range(60))
    crowd = [_document(f"{number:04}", f"{boilerplate} ticket {number}") for number in range(100)]
    old = _document("of an id that is longer", f"{boilerplate} ticket of old")
    assert _dropped(_spread([*crowd, old], 2), earlier=[[old]])[0].keys() == {document.id for document in crowd}


def test_a_near_copy_of_what_has_left_the_sources_is_known() -> None:
    old, new = _document("old", LONG * 2), _document("new", LONG * 2 + "Or so.")
    edited = _document("old", LONG * 2 + "As it is now.")
    other = _document("other", "Something else entirely, about the parsing of dates.")
    drop = CONFIG.model_copy(update={"earlier_datasets": "drop"})

    reason = f"near duplicate of {old.id} ({_jaccard(old.text, new.text):.2f}) of dataset dataset1"
    gone, (count, *_), again = _found([[new], [other]], drop, [[other], [old], [old]])
    assert (gone, again) == ({new.id: reason}, 1)
    assert count.references == 1
    assert _found([[new], [other]], CONFIG, [[other], [old]])[::2] == ({}, 1), "a dataset is whole"
    assert _found([[edited], [other]], drop, [[old]])[::2] == ({}, 0), "a record may change"


def test_earlier_datasets_of_other_settings_are_told_and_hold_equal_texts() -> None:
    old, near, same = _document("old", LONG * 2), _document("near", LONG * 2 + "Or so."), _document("same", LONG * 2)
    config = CONFIG.model_copy(update={"earlier_datasets": "drop", "shingle_words": 2})
    gone, (count,), again = _found([[near]], config, [[old]])
    assert (gone, again, count.unread) == ({}, 0, 1)
    assert _dropped([[same]], config, earlier=[[old]])[0].keys() == {same.id}


def _answer(documents: list[Document], earlier: list[list[Document]], drop: bool) -> tuple[set[str], int]:
    """Which documents go, and how many repeat an earlier dataset and are counted, by looking at all pairs."""

    def near(one: Document, two: Document) -> bool:
        return words(one.text) == words(two.text) or _jaccard(one.text, two.text) >= CONFIG.near_duplicate

    def first(found: Callable[[Document], bool]) -> int:
        return next((number for number, dataset in enumerate(earlier) if any(map(found, dataset))), len(earlier))

    known = {one.id: first(lambda old, name=one.id: old.id == name) for one in documents}  # type: ignore[misc]
    had = {one.text: first(lambda old, one=one: words(old.text) == words(one.text)) for one in documents}  # type: ignore[misc]
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
        [_document("x" * length, texts[text]) for length, text in dict(part).items()] for part in (drawn, *before)
    )
    config = CONFIG.model_copy(update={"earlier_datasets": "drop" if drop else "first_id_stays"})
    gone, _, again = _found(_spread(documents, shards), config, earlier)
    assert (set(gone), again) == _answer(documents, earlier, drop)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=15), st.data())
def test_datasets_made_in_any_order_are_the_same(drawn: list[tuple[int, int]], data: st.DataObject) -> None:
    records = [
        replace(_document(f"{number}{'x' * topic}", f"{LONG} {topic}"), event_time=f"2025-01-{day + 1:02d}{MIDNIGHT}")
        for number, (topic, day) in enumerate(drawn)
    ]

    def visible(day: int) -> list[Document]:
        return [record for record in records if record.event_time < f"2025-01-{day:02d}"]

    made: dict[int, list[Document]] = {}
    for day in data.draw(st.permutations([4, 8, 12])):
        found = visible(day)
        gone = _dropped([found], earlier=[made[before] for before in sorted(made) if before < day])[0]
        assert gone == _dropped([found])[0]
        made[day] = [record for record in found if record.id not in gone]


@step("dataset")
def cleaned(work: Workspace, rows: list[list[str]], generated: bool) -> None:
    documents = [replace(_document(name, text), generated=generated) for name, text in rows]
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
        "docstring:new": f"near duplicate of docstring:a ({_jaccard(kept, now[0][0][1]):.2f}) of dataset "
        f"{first.fingerprint[:12]}"
    }, "neither what was dropped then nor what was generated is held against real texts"
    assert outcome.metrics["earlier"] == outcome.metrics["near"] == 1
    whole = _deduplicated(store, shards, [first])
    assert (whole.metrics["dropped"], whole.metrics["earlier"]) == (0, 1)
