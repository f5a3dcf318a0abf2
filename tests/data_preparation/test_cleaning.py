"""Tidying, filtering and deduplicating."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts.store import ArtifactStore
from include.data_preparation.clean import tidy
from include.data_preparation.config import CleanConfig, DeduplicateConfig
from include.data_preparation.deduplicate import drop_exact, drop_near, jaccard, shingle
from include.data_preparation.documents import DROPPED, Document, read_all, read_dropped
from include.data_preparation.quality import verdict
from tests.data_preparation.conftest import Prepared

CONFIG = CleanConfig()
WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1, max_size=12)
LONG = "The scheduler starts every job when its time has come and keeps a note of what it did in the log file. "


def _document(name: str, text: str, generated: bool = False) -> Document:
    return Document(f"docstring:{name}", "docstrings", name, text, "MIT", generated)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Read ``data`` with :func:`~json.loads`.", "Read `data` with `json.loads`."),
        ("Title\n=====\n\nText   \n\n\n\nmore", "Text\n\nmore"),
        (
            "See :class:`the client <httpx.Client>` or `the site <https://example.org>`_.",
            "See `the client` or the site.",
        ),
        (
            "Does it.\n\n.. versionadded:: 3.9\n   Now faster.\n\nEnd.",
            "Does it.\n\n\n\nEnd.".replace("\n\n\n\n", "\n\n"),
        ),
        ("Careful.\n\n.. note:: Not thread-safe.", "Careful.\n\nNot thread-safe."),
        (
            "It costs 5 â‚¬ in the cafÃ©",  # noqa: RUF001
            "It costs 5 € in the café",
        ),
        ("Use :class:`~_orm.Session` or :meth:`.commit`.", "Use `Session` or `commit`."),
        (
            '!!! abstract "Usage"\n    [Models](../m.md)\n\nA base, see [`Field`][pydantic.Field].',
            "A base, see `Field`.",
        ),
        ("Index x[i][j] and call f[0](a).", "Index x[i][j] and call f[0](a)."),
        ("Example::\n\n    x = 1", "Example:\n\n    x = 1"),
        ("", ""),
    ],
)
def test_markup_and_damage_go_and_the_words_stay(raw: str, clean: str) -> None:
    assert tidy(raw) == clean


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=300))
def test_tidy_takes_any_text_and_leaves_no_stray_whitespace(text: str) -> None:
    result = tidy(text)
    assert result == result.strip()
    assert "\n\n\n" not in result and "\x00" not in result


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("Return self.", "too short"),
        ("x " * 40_000, "too long"),
        ("| 12 | 34 | 56 | == 78 ++ 90 -- 11 %% 22", "few letters"),
        ("A text that was read in the wrong enc\ufffdding", "broken encoding"),
        ("spam " * 30, "repetitive"),
        (
            "Seit gestern kann ich mich nicht mehr anmelden, bitte setzen Sie mein Kennwort zurück. Vielen Dank!",
            "language",
        ),
    ],
)
def test_a_useless_text_is_dropped_with_its_reason(text: str, reason: str) -> None:
    answer = verdict(text, CONFIG)
    assert isinstance(answer, str) and answer.startswith(reason)


@pytest.mark.parametrize(
    "text",
    [
        "Return the sum of the values.",
        "Créer une liste vide",
        ">>> os.path.join('a', 'b')\n'a/b'\n\nJoin two or more pathname components.",
        "Set up asyncio, ssl, json and urllib for TLS 1.3.",
        LONG * 3,
    ],
)
def test_short_texts_and_code_are_not_taken_for_another_language(text: str) -> None:
    assert verdict(text, CONFIG) is True


def test_duplicates_name_the_document_that_stays() -> None:
    documents = [
        _document("a", LONG),
        _document("b", LONG.upper().replace(" ", "\n")),
        _document("c", LONG.replace("log file", "log book")),
        _document("e", "Something else entirely, about the parsing of dates."),
    ]
    distinct, exact = drop_exact(documents)
    kept, near = drop_near(distinct, DeduplicateConfig(near_duplicate=0.7))

    assert [(row.id, row.reason) for row in exact] == [("docstring:b", "same text as docstring:a")]
    assert [document.title for document in kept] == ["a", "e"]
    assert near[0].id == "docstring:c" and near[0].reason.startswith("near duplicate of docstring:a (0.")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=1, max_size=12), max_size=12))
def test_near_duplicates_are_found_exactly_where_jaccard_says_so(texts: list[list[str]]) -> None:
    config = DeduplicateConfig(near_duplicate=0.8)
    documents = [_document(str(index), " ".join(words)) for index, words in enumerate(texts)]
    kept, dropped = drop_near(documents, config)

    sets = [shingle(document.text, config.shingle_words) for document in kept]
    assert all(jaccard(one, two) < 0.8 for index, one in enumerate(sets) for two in sets[:index])
    for row in dropped:
        lost = shingle(documents[int(row.id.partition(":")[2])].text, config.shingle_words)
        assert max(jaccard(lost, one) for one in sets) >= 0.8


def test_every_document_is_kept_or_dropped_with_a_reason(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    raw = {document.id for document in read_all(store.fetch(prepared.aggregated, tmp_path / "raw"))}
    kept = {document.id for document in read_all(store.fetch(prepared.deduplicated, tmp_path / "kept"))}
    dropped = []
    for index, ref in enumerate((*prepared.cleaned, prepared.deduplicated)):
        dropped += read_dropped(store.fetch(ref, tmp_path / str(index), only=DROPPED) / DROPPED)

    assert raw == kept | {row.id for row in dropped}
    assert len(dropped) == len(raw) - len(kept)
    assert all(row.reason and row.stage in ("clean", "deduplicate") for row in dropped)
