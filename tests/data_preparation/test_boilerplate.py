"""Lines that many documents repeat are found over all shards and cut out, and what a message says stays."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import ArtifactStore
from include.data_preparation.clean import clean
from include.data_preparation.cleaning.boilerplate import cut, line_keys
from include.data_preparation.config import BoilerplateConfig, CleanConfig
from include.data_preparation.documents import Document, read_all, read_table, write_planted
from include.data_preparation.find_boilerplate import find_boilerplate
from tests.data_preparation.shards import write_shards

NAV, COOKIE = "Home | About us | Contact", "We use cookies to improve your experience."
NOTICE = "This e-mail 4711 is confidential and meant for its recipient only."
CONFIG = BoilerplateConfig(min_documents=5, min_share=0.2)


@step("dataset")
def pages(work: Workspace, shards: int, reverse: bool) -> None:
    documents = [
        *(_page(n, f"{NAV}\nPage {n} tells how {_topic(n)} is set up and used.\n{COOKIE}") for n in range(20)),
        *(_page(n, "Please reset my password now.", "records") for n in range(20, 32)),
        *(
            _page(n, f"Hello,\nplease look at {_topic(n)} again\n{NOTICE.replace('4711', str(n))}", "records")
            for n in range(32, 44)
        ),
        _page(50, f"{NAV}\n{COOKIE}"),
    ]
    write_shards(work.output, documents[::-1] if reverse else documents, shards)
    write_planted(work.output, {}, documents)
    work.metrics.update(shards=shards)


def _topic(number: int) -> str:
    return ("the", "a")[number % 2] + " " + "".join(chr(97 + int(digit)) for digit in str(number * 7919)) + " index"


def _page(number: int, text: str, source: str = "docstrings") -> Document:
    return Document(f"{source}:{number}", source, f"page {number}", text, "MIT")


def _cleaned(
    store: ArtifactStore, folder: Path, shards: int, reverse: bool
) -> tuple[dict[str, str], list[dict[str, object]]]:
    source: ArtifactRef = pages(store, shards=shards, reverse=reverse)
    repeated = find_boilerplate(store, source=source, config=CONFIG)
    texts: dict[str, str] = {}
    for shard in range(shards):
        ref = clean(store, source=source, shard=shard, config=CleanConfig(), repeated=repeated)
        texts |= {one.id: one.text for one in read_all(store.fetch(ref, folder / f"{shards}-{shard}"))}
    return texts, read_table(store.fetch(repeated, folder / f"{shards}") / "repeated_lines.parquet")


def test_repeated_lines_leave_and_the_result_does_not_depend_on_shards(store: ArtifactStore, tmp_path: Path) -> None:
    texts, lines = _cleaned(store, tmp_path, 1, reverse=False)
    again = _cleaned(store, tmp_path, 3, reverse=True)

    assert (texts, lines) == again
    assert texts["docstrings:3"] == f"Page 3 tells how {_topic(3)} is set up and used."
    assert texts["records:40"] == f"Hello,\nplease look at {_topic(40)} again"
    assert {(row["source"], row["documents"]) for row in lines} == {("docstrings", 21), ("records", 12)}


def test_a_message_of_one_line_is_what_it_says_however_often(store: ArtifactStore, tmp_path: Path) -> None:
    texts, _ = _cleaned(store, tmp_path, 1, reverse=False)
    assert texts["records:25"] == "Please reset my password now."
    # nothing would be left of it
    assert texts["docstrings:50"] == f"{NAV}\n{COOKIE}"


def test_lines_are_named_by_digest_and_never_shown(store: ArtifactStore, tmp_path: Path) -> None:
    source = pages(store, shards=2, reverse=False)
    folder = store.fetch(find_boilerplate(store, source=source, config=CONFIG), tmp_path / "found")
    shown = (folder / "report.html").read_text() + str(read_table(folder / "repeated_lines.parquet"))
    assert "cookies" not in shown and "confidential" not in shown


def test_clean_counts_what_it_cut(store: ArtifactStore) -> None:
    source = pages(store, shards=1, reverse=False)
    repeated = find_boilerplate(store, source=source, config=CONFIG)
    metrics = store.manifest(clean(store, source=source, shard=0, config=CleanConfig(), repeated=repeated)).metrics
    assert metrics["boilerplate"] == {"repeated line": 20 * 2 + 12}
    assert metrics["boilerplate_characters"] > 20 * len(NAV + COOKIE)


@given(
    st.lists(
        st.sampled_from([NAV, COOKIE, "", "    indented code()", ">>> a.b(c, d, e)", "Words of its own."]), max_size=8
    )
)
def test_cutting_takes_whole_repeated_lines_only(parts: list[str]) -> None:
    text = "\n".join(parts)
    keys = frozenset(line_keys("web", f"{NAV}\n{COOKIE}", 3))
    kept, count = cut("web", text, keys, 3, 2)
    if count:
        assert kept.split("\n") == [line for line in text.splitlines() if line not in (NAV, COOKIE)]
        assert count == sum(line in (NAV, COOKIE) for line in parts)
    else:
        assert kept == text
    assert cut("other source", text, keys, 3, 2) == (text, 0)


@pytest.mark.parametrize("line", [">>> import os.path as the_path", "x = 1", "Hello,", "=" * 70, "", "a b c " * 1000])
def test_code_greetings_and_rules_are_no_boilerplate(line: str) -> None:
    assert not list(line_keys("web", f"{line}\n{line}", 3))
