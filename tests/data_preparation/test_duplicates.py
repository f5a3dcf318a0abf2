"""Equal and similar documents, found in map and reduce."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.data_preparation.config import DeduplicateConfig
from include.data_preparation.duplicates import candidates
from tests.data_preparation.duplicate_search import LONG, doc, dropped_of, jaccard, spread

FEW_WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1, max_size=12)


def test_duplicates_name_the_document_that_stays() -> None:
    documents = [
        doc("a", LONG),
        doc("b", LONG.upper().replace(" ", "\n")),
        doc("cc", LONG.replace("log file", "log book")),
        doc("e", "Something else entirely, about the parsing of dates."),
    ]
    gone, _ = dropped_of(spread(documents, 2), DeduplicateConfig(near_duplicate=0.7))

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
        documents = [replace(doc("x", LONG * 2), **preferred), replace(doc("x", text), **other)]  # type: ignore[arg-type]
        gone, _ = dropped_of([[documents[1]], [documents[0]]])
        assert list(gone) == [documents[1].id]


@settings(max_examples=40, deadline=None)
@given(st.lists(FEW_WORDS, max_size=12), st.integers(1, 4))
def test_near_duplicates_are_found_exactly_where_jaccard_says_so(texts: list[list[str]], shards: int) -> None:
    documents = [doc(str(index), " ".join(found)) for index, found in enumerate(texts)]
    gone, _ = dropped_of(spread(documents, shards))

    kept = [document.text for document in documents if document.id not in gone]
    assert all(jaccard(one, two) < 0.8 for index, one in enumerate(kept) for two in kept[:index])
    for document in documents:
        assert document.id not in gone or max(jaccard(document.text, text) for text in kept) >= 0.8


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
        documents.append(replace(doc(str(number), " ".join(found)), generated=generated))

    assert dropped_of([documents])[0] == dropped_of(spread(documents, shards))[0]


def test_a_chain_loses_its_middle_alone_where_its_ends_differ() -> None:
    found = [f"word{number}" for number in range(60)]
    start, middle, end = (" ".join(found[begin : begin + 50]) for begin in (0, 3, 6))
    assert jaccard(start, middle) >= 0.8 > jaccard(start, end)

    gone, _ = dropped_of(spread([doc("a", start), doc("bb", middle), doc("ccc", end)], 2))
    assert gone.keys() == {"docstring:bb"}


def test_a_crowd_of_similar_texts_costs_a_comparison_each() -> None:
    boilerplate = " ".join(f"word{number}" for number in range(60))
    crowd = [doc(f"{number:04}", f"{boilerplate} ticket {number}") for number in range(400)]
    equal = [doc(f"equal {number:04}", boilerplate) for number in range(400)]
    gone, counts = dropped_of(spread([*crowd, *equal], 2))

    assert len(gone) == len(crowd) + len(equal) - 1
    assert all(count.compared < 8 * len(crowd) and not count.unexamined for count in counts)


def test_what_is_not_examined_in_a_crowded_band_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "SMALL", 4)
    monkeypatch.setattr(candidates, "ROUNDS", 1)
    half = " ".join(f"word{number}" for number in range(30))
    texts = [f"{half} " + " ".join(f"own{number}x{word}" for word in range(18)) for number in range(40)]
    _, (count,) = dropped_of([[doc(str(number), text) for number, text in enumerate(texts)]])
    assert count.unexamined


def test_many_crowds_are_each_left_with_one() -> None:
    crowds = [
        [doc(f"{topic:03}-{number}", " ".join(f"w{topic}x{word}" for word in range(60)) + f" no {number}")]
        for topic in range(150)
        for number in range(40)
    ]
    gone, (count,) = dropped_of([[document for crowd in crowds for document in crowd]])
    assert len(gone) == len(crowds) - 150
    assert count.compared < 12 * len(crowds)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("दिन", "दान", False),
        ("की बात", "कि बात", False),
        ("สวัสดี", "สวสด", False),
        ("Straße im Café", "STRASSE \n IM  CAFE\u0301", True),
        ("Same as a == b.", "Same as a >= b.", False),
        ("Same as a * b.", "Same as a ** b.", False),
        ("Same as a - b.", "Same as a | b.", False),
        ("Same as a != b.", "Same as a = b.", False),
        ("written in C", "written in C++", False),
        ("written in C++", "written in C#", False),
        ("-5", "5", False),
        ("It is (-5)", "It is (5)", False),
        ("x[0]", "x(0)", False),
        ("It costs $5", "It costs €5", False),
        ("???", "!!!", False),
    ],
)
def test_texts_are_the_same_as_a_whole_in_every_script(one: str, other: str, same: bool) -> None:
    gone, _ = dropped_of([[doc("a", one), doc("bb", other)]])
    assert list(gone.values()) == (["same text as docstring:a"] if same else [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("今天天气很好", "今天 天气很好。"),
        ("Well-known: it works!", "well known \u2013 “it works”"),
        ("- Restart it (now)\n- Wait", "Restart it, now. Wait"),
        ("> It is late, so stop.\n> Go on.", "It is late, so stop. Go on."),
    ],
)
def test_texts_that_differ_in_punctuation_alone_are_near_duplicates(one: str, other: str) -> None:
    gone, _ = dropped_of([[doc("a", one), doc("bb", other)]])
    assert list(gone.values()) == ["near duplicate of docstring:a (1.00)"]


def test_near_copies_are_found_in_scripts_without_spaces() -> None:
    text = "人工智能系统在夜间运行所有任务并把结果写入日志文件以便工程师第二天早上查看其中出现的任何问题"
    gone, _ = dropped_of([[doc("a", text), doc("bb", text.replace("夜间", "夜里"))]])
    assert gone.keys() == {"docstring:bb"}


def test_shards_may_be_empty() -> None:
    assert dropped_of([[], [doc("a", LONG)], []])[0] == {}
    assert dropped_of([[]])[0] == {}
