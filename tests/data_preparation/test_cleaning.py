"""Tidying and filtering."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.data_preparation.aggregate import aggregate
from include.data_preparation.clean import clean as clean_step
from include.data_preparation.clean import tidy, tidy_title
from include.data_preparation.cleaning.quality import verdict
from include.data_preparation.config import AggregateConfig, CleanConfig, CollectionConfig
from include.data_preparation.documents import DROPPED, read_all, read_dropped
from tests.data_preparation.conftest import LATER, Prepared

CONFIG = CleanConfig()
LONG = "The scheduler starts every job when its time has come and keeps a note of what it did in the log file. "


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
        ("joe@ex\u200bample.com, 55\u200d5-\ufeff01\u00ad42", "joe@example.com, 555-0142"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("", ""),
    ],
)
def test_markup_and_damage_go_and_the_words_stay(raw: str, clean: str) -> None:
    assert tidy(raw) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\ufeff  Wie geht es weiter?\t\r\n", "Wie geht es weiter?"),
        ("Q&amp;A: the cafÃ©\x00", "Q&A: the café"),
        ("Read ``data`` with :func:`~json.loads`", "Read `data` with `json.loads`"),
        ("asyncio.Task.__init__", "asyncio.Task.__init__"),
        ("=====", "====="),
        ("", ""),
    ],
)
def test_a_title_is_tidied_as_its_text_is(raw: str, clean: str) -> None:
    assert tidy_title(raw) == clean


def test_titles_leave_the_step_tidy_and_without_secrets(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'title,text\n"Q&amp;A  on \nnpm_{"a1B2" * 9}",{LONG}\n', encoding="utf-8")
    source = CollectionConfig(name="manuals", location=str(tmp_path), license="MIT")
    config = AggregateConfig(
        topics=False, standard_library=False, packages=(), tickets=0, shards=1, collections=(source,)
    )
    cleaned = clean_step(store, source=aggregate(store, as_of=LATER, config=config), shard=0, config=CONFIG)
    (document,) = read_all(store.fetch(cleaned, tmp_path / "out"))
    assert document.title == "Q&A on <NPM_TOKEN>"
    assert store.manifest(cleaned).metrics["secrets"] == {"NPM_TOKEN": 1}


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
        ("| 12 | 34 | 56 | == 78 ++ 90 -- 11 %% 22", "numbers or signs"),
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


def test_no_text_is_kept_that_is_too_long_to_be_looked_through_for_personal_data() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 500000"):
        CleanConfig(max_characters=1_000_000)
