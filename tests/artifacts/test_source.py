"""Code in a fingerprint: it changes where behaviour does, in every module that is reached, and only there."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.artifacts import fingerprint
from include.artifacts.fingerprint import code_parts
from include.artifacts.source import read_source

OPERATORS = ("+", "-", "*", "//", "%", "|", "&")
TEXTS = st.sampled_from(["", "It says.", "It says\nmore.", "quote ' inside", "# no comment"])
COMMENTS = st.sampled_from(["", "# why", "# noqa: E501", "# a * b"])

behaviours = st.fixed_dictionaries(
    {
        "limit": st.integers(-3, 3),
        "operator": st.sampled_from(OPERATORS),
        "default": st.integers(1, 4),
        "decorated": st.booleans(),
        "library": st.sampled_from(["floor", "ceil", "fabs"]),
        "word": st.sampled_from(["a", "b", "It says."]),
        "given": st.sampled_from(["", ", 2", ", by=2"]),
        "raises": st.booleans(),
    }
)
styles = st.fixed_dictionaries(
    {
        "doc": TEXTS,
        "inner": TEXTS,
        "after": TEXTS,
        "comment": COMMENTS,
        "blank": st.integers(0, 2),
        "parentheses": st.booleans(),
        "quote": st.sampled_from(["'", '"', '"""', "u'"]),
        "split": st.booleans(),
    }
)


def module(do: dict[str, Any], look: dict[str, Any]) -> str:
    """A module that behaves as `do` says and looks as `look` says."""
    space, comment = "\n" * look["blank"], look["comment"]
    left, right = ("(", ")") if look["parentheses"] else ("", "")
    doc = f'"""{look["doc"]}"""\n' if look["doc"] else ""
    inner = f'    """{look["inner"]}"""\n' if look["inner"] else ""
    after = f'"""{look["after"]}"""\n' if look["after"] else ""
    word = f"{look['quote']}{do['word']}{look['quote'].removeprefix('u')}"
    call = f"helper(\n        x{do['given']}\n    )" if look["split"] else f"helper(x{do['given']})"
    fails = "    if x == 4:\n        raise ValueError\n" if do["raises"] else ""
    return f"""{doc}{comment}
import math
{space}
LIMIT = {left}{do["limit"]}{right}
{after}{space}
def twice(function):
{inner}    return lambda x: function(x) * 2
{comment}
def helper(x, by={do["default"]}):
{inner}    return {left}x {do["operator"]} by{right}  {comment}
{space}
{"@twice" if do["decorated"] else ""}
def result(x):
{inner}{fails}    return str(math.{do["library"]}({call} + {left}LIMIT{right} + x / 2)) + {word}
"""


def behaviour(source: str) -> list[str]:
    """What the module's function gives for some arguments."""
    names: dict[str, Any] = {}
    exec(source, names)
    found = []
    for x in range(-4, 8):
        try:
            found.append(repr(names["result"](x)))
        except (ValueError, TypeError) as error:
            found.append(type(error).__name__)
    return found


def digest(source: str) -> str:
    return read_source(source.encode(), "demo", is_package=False).digests[0]


@settings(max_examples=150, deadline=None)
@given(behaviours, behaviours, styles, styles)
def test_code_counts_where_it_behaves_differently(
    one: dict[str, Any], other: dict[str, Any], look: dict[str, Any], changed: dict[str, Any]
) -> None:
    first, second = module(one, look), module(other, changed)
    assert digest(first) == digest(module(one, changed)), "comments, docstrings and layout"
    if behaviour(first) != behaviour(second):
        assert digest(first) != digest(second)


@settings(max_examples=60, deadline=None)
@given(behaviours, styles, st.sampled_from(["limit", "default"]), st.data())
def test_one_changed_constant_counts(do: dict[str, Any], look: dict[str, Any], name: str, data: st.DataObject) -> None:
    value = data.draw(st.integers(-9, 9).filter(lambda value: value != do[name]))
    assert digest(module(do, look)) != digest(module(do | {name: value}, look))


FILES = {
    "include/__init__.py": "",
    "include/demo/__init__.py": "",
    "include/demo/inner.py": "LIMIT = 3\n",
    "include/demo/deep/__init__.py": "",
    "include/demo/deep/leaf.py": "from ..inner import LIMIT\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(fingerprint, "PROJECT_ROOT", tmp_path)
    return tmp_path


REACHING = {
    "from": "from include.demo.inner import LIMIT",
    "module from": "from include.demo import inner",
    "relative": "from .inner import LIMIT",
    "relative module": "from . import inner as other",
    "star": "from include.demo.inner import *",
    "import as": "import include.demo.inner as other",
    "import": "import include.demo.inner",
    "in a function": "def run():\n    from include.demo.inner import LIMIT",
    "in a try": "try:\n    import include.demo.inner\nexcept ImportError:\n    pass",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from include.demo.inner import LIMIT",
    "through two modules": "import include.demo.deep.leaf",
    "through a package": "import include.demo as demo\nvalue = demo.inner.LIMIT",
    "through the package's name": "import include.demo\nvalue = include.demo.inner.LIMIT",
    "by its name": "import importlib\nimportlib.import_module('include.demo.inner')",
    "by its relative name": "import importlib\nimportlib.import_module('.inner', __package__)",
    "as a program": "ENTRY = 'include.demo.inner'",
    "as a script": "SCRIPT = 'include/demo/inner.py'",
}


@pytest.mark.parametrize("text", REACHING.values(), ids=REACHING.keys())
def test_every_way_to_reach_a_module_counts(project: Path, text: str) -> None:
    (project / "include/demo/outer.py").write_text(text)
    before = code_parts("include.demo.outer")
    (project / "include/demo/inner.py").write_text("LIMIT = 3  # a comment\n")
    assert code_parts("include.demo.outer") == before
    (project / "include/demo/inner.py").write_text("LIMIT = 4\n")
    changed = code_parts("include.demo.outer")
    assert {name for name, value in before[0].items() if changed[0][name] != value} == {"include.demo.inner"}


@pytest.mark.parametrize("package", ["include", "include/demo", "include/demo/deep"])
def test_the_packages_around_a_module_count(project: Path, package: str) -> None:
    before = code_parts("include.demo.deep.leaf")
    (project / package / "__init__.py").write_text('"""Only words."""\n')
    assert code_parts("include.demo.deep.leaf") == before, "a docstring in an empty package"
    (project / package / "__init__.py").write_text("import random\nrandom.seed(1)\n")
    assert code_parts("include.demo.deep.leaf") != before


def test_modules_that_a_star_import_loads_count(project: Path) -> None:
    (project / "include/demo/__init__.py").write_text("__all__ = ['inner']\n")
    (project / "include/demo/outer.py").write_text("from include.demo import *\n")
    assert "include.demo.inner" in code_parts("include.demo.outer")[0]


def test_a_package_hides_a_module_of_its_name(project: Path) -> None:
    (project / "include/demo/deep.py").write_text("import include.demo.inner\n")
    assert "include.demo.inner" not in code_parts("include.demo.deep")[0]


READERS = {
    "itself": "def run():\n    return run.__doc__",
    "by getattr": "def run():\n    return getattr(run, '__doc__')",
    "inspect": "import inspect\ndef run():\n    return inspect.getdoc(run)",
    "a schema": "def run(config):\n    return config.model_json_schema()",
}


@pytest.mark.parametrize("text", READERS.values(), ids=READERS.keys())
def test_docstrings_count_where_a_program_reads_them(project: Path, text: str) -> None:
    (project / "include/demo/outer.py").write_text(f"from include.demo import inner\n{text}\n")
    before = code_parts("include.demo.outer")
    (project / "include/demo/inner.py").write_text('"""Read elsewhere."""\nLIMIT = 3\n')
    assert code_parts("include.demo.outer") != before


def test_all_of_a_source_counts_where_a_program_reads_it(project: Path) -> None:
    (project / "include/demo/outer.py").write_text("import inspect\nfrom . import inner\ninspect.getsource(inner)\n")
    before = code_parts("include.demo.outer")
    (project / "include/demo/inner.py").write_text("LIMIT = 3  # a comment\n")
    assert code_parts("include.demo.outer") != before


def test_a_module_outside_the_project_counts_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "outside_steps"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("LIMIT = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = code_parts("outside_steps.a")
    (package / "a.py").rename(package / "b.py")
    renamed = code_parts("outside_steps.a")
    (package / "b.py").write_text("LIMIT = 4\n")
    assert len({str(parts) for parts in (before, renamed, code_parts("outside_steps.a"))}) == 3


@pytest.mark.parametrize("module", ["__main__", "no_such_module_anywhere"])
def test_code_that_cannot_be_read_makes_no_step(module: str) -> None:
    with pytest.raises(TypeError, match="cannot be read"):
        code_parts(module)


def install(folder: Path, version: str, editable: bool = False) -> None:
    """A distribution as pip leaves it."""
    info = folder / "some_library-0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: some_library\nVersion: {version}\n")
    if editable:
        (info / "direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    (folder / "some_library.py").write_text(f"VERSION = '{version}'\n")
    os.utime(folder)


def test_a_library_counts_by_its_version_and_where_it_is_edited_by_its_files(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    (project / "include/demo/outer.py").write_text("def run():\n    import some_library\n")
    found = []
    for version in ("1.0", "1.1", "0.9", "1.0"):
        install(folder, version)
        found.append(code_parts("include.demo.outer")[1])
    assert [libraries["some_library"] for libraries in found] == ["1.0", "1.1", "0.9", "1.0"]
    install(folder, "1.0", editable=True)
    edited = code_parts("include.demo.outer")[1]
    (folder / "some_library.py").write_text("VERSION = 'edited'\n")
    assert len({edited["some_library"], code_parts("include.demo.outer")[1]["some_library"], "1.0"}) == 3
    assert found[0]["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
