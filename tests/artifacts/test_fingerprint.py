"""What a fingerprint covers and what it does not."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.artifacts import fingerprint
from include.artifacts.manifest import FingerprintParts, sha256_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def parts(**changes: dict[str, object]) -> FingerprintParts:
    return FingerprintParts.model_validate({"code": {}, "libraries": {}, "config": {}, "inputs": {}} | changes)


@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_order_of_keys_does_not_count(config: dict[str, object]) -> None:
    turned = dict(reversed(list(config.items())))
    assert parts(config=config).digest("s") == parts(config=turned).digest("s")


@given(st.sampled_from(["code", "libraries", "config", "inputs"]), st.text(min_size=1), st.text(), st.text())
def test_every_part_counts(part: str, name: str, one: str, other: str) -> None:
    first, second = parts(**{part: {name: one}}), parts(**{part: {name: other}})
    assert (first.digest("s") == second.digest("s")) == (one == other)
    assert first.digest("s") != first.digest("another step")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "include" / "demo"
    package.mkdir(parents=True)
    (tmp_path / "include" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "inner.py").write_text("LIMIT = 3\n")
    (package / "outer.py").write_text(
        textwrap.dedent('''
            """Says what it does."""
            from include.demo.inner import LIMIT

            def run():
                import numpy
                return numpy.zeros(LIMIT)
        ''')
    )
    monkeypatch.setattr(fingerprint, "PROJECT_ROOT", tmp_path)
    return package


def digest_of_outer() -> str:
    return sha256_of(fingerprint.code_parts("include.demo.outer"))


def test_comments_docstrings_and_layout_do_not_count(project: Path) -> None:
    before = digest_of_outer()
    outer = project / "outer.py"
    outer.write_text("# a comment\n" + outer.read_text().replace("Says what it does.", "Says it better.") + "\n\n")
    assert digest_of_outer() == before


@pytest.mark.parametrize(("file", "old", "new"), [("outer.py", "zeros", "ones"), ("inner.py", "3", "4")])
def test_behaviour_counts_in_every_module_reached(project: Path, file: str, old: str, new: str) -> None:
    before = digest_of_outer()
    path = project / file
    path.write_text(path.read_text().replace(old, new))
    assert digest_of_outer() != before


def test_libraries_imported_inside_functions_count(project: Path) -> None:
    code, libraries = fingerprint.code_parts("include.demo.outer")
    assert set(code) == {"include.demo.outer", "include.demo.inner"}
    assert "numpy" in libraries


def test_a_difference_is_named_by_its_path_in_the_use_case() -> None:
    old = parts(config={"config": {"rank": 8, "deep": {"a": 1}}, "shard": 1}, libraries={"peft": "1"})
    new = parts(
        config={"config": {"rank": 16, "deep": {"a": 2}}, "shard": 1}, libraries={"peft": "2"}, inputs={"model": "x"}
    )
    assert fingerprint.explain(old, new, "customization.lora") == [
        "customization.lora.deep.a 1 -> 2",
        "customization.lora.rank 8 -> 16",
        "input model changed",
        "library peft 1 -> 2",
    ]
