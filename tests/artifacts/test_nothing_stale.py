"""Nothing stale is ever reused: whatever changes, a step's result is what computing it afresh gives."""

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.artifacts import fingerprint
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace
from include.artifacts.store import ArtifactStore
from include.core.errors import ChangedMeanwhileError

STEPS = '''
import demo_library
from include.artifacts.step import step
from demo_steps.factor import FACTOR
from demo_steps.source import stand

@step("dataset")
def origin(work, number):
    (work.output / "number.txt").write_text(str(number))
    (work.output / "report.html").write_text(f"made of {number}")
    work.metrics["extra"] = number % 2

def observed(store, **_):
    return {"stand": stand()}

@step("dataset", observes=observed, measures=("source",), resources=("offset.txt",))
def compute(work, source, plus):
    folder = work.fetch(source)
    assert not (folder / "report.html").exists()
    number = int((folder / "number.txt").read_text()) // 2
    offset = int(ROOT.joinpath("offset.txt").read_text())
    extra = work.manifest(source).metrics["extra"]
    total = number * FACTOR + plus + demo_library.BONUS + offset + extra + stand()
    (work.output / "total.txt").write_text(str(total))
    after()

def after():
    """What happens while the step runs."""
'''
SOURCE = (
    "from pathlib import Path\n\n\ndef stand():\n    return int((Path(__file__).parent / 'stand.txt').read_text())\n"
)
METADATA = "Metadata-Version: 2.1\nName: demo_library\nVersion: "
# what the result depends on; comment and document do not count
BEHAVIOUR = ("factor", "plus", "bonus", "offset", "number", "stand")
START = dict.fromkeys((*BEHAVIOUR, "comment"), 0)
tests = itertools.count()


class World:
    """A small project of steps on disk, and the process that has loaded it."""

    def __init__(self, root: Path, store: ArtifactStore) -> None:
        self.root, self.store, self.state = root, store, dict(START)
        (root / "include").mkdir()
        (root / "include" / "__init__.py").touch()
        (root / "demo_steps").mkdir()
        (root / "demo_steps" / "__init__.py").touch()
        (root / "demo_steps" / "source.py").write_text(SOURCE)
        (root / "demo_library-0.dist-info").mkdir()
        # artifacts of other tests in the same bucket are none of these steps' own
        self.salt = f"SALT = {next(tests)}\n"

    def change(self, name: str, value: int) -> None:
        """Write one thing to disk."""
        self.state[name] = value
        steps = f"# {self.state['comment']}\n{self.salt}{STEPS}".replace(
            "FACTOR\n", "FACTOR\nfrom pathlib import Path\nROOT = Path(__file__).parents[1]\n", 1
        )
        files = {
            "demo_steps/steps.py": steps.replace("What happens", f"What {self.state['comment']} happens"),
            "demo_steps/factor.py": f"FACTOR = {self.state['factor']}\n",
            "demo_steps/stand.txt": str(self.state["stand"]),
            "demo_library.py": f"BONUS = {self.state['bonus']}\n",
            "demo_library-0.dist-info/METADATA": METADATA + str(self.state["bonus"]),
            "offset.txt": str(self.state["offset"]),
        }
        for path, text in files.items():
            (self.root / path).write_text(text)

    def load(self) -> ModuleType:
        """The steps as a new process sees them."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("demo_steps", "demo_library")]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("demo_steps.steps")

    def run(self, steps: ModuleType) -> tuple[int, bool]:
        """The result, and whether it was reused."""
        source = steps.origin(self.store, number=self.state["number"])
        outcome = steps.compute.run(self.store, {"source": source, "plus": self.state["plus"]})
        return int(self.store.read(outcome.ref, "total.txt")), outcome.reused

    @property
    def expected(self) -> int:
        """What computing afresh gives."""
        now = self.state
        number = now["number"] // 2 * now["factor"] + now["number"] % 2
        return number + now["plus"] + now["bonus"] + now["offset"] + now["stand"]

    @property
    def key(self) -> tuple[int, ...]:
        """What decides the result."""
        return tuple(self.state[name] for name in BEHAVIOUR)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes worlds, one at a time in this process."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    made = itertools.count()

    def make(store: ArtifactStore) -> World:
        root = tmp_path / str(next(made))
        root.mkdir()
        sys.path[0:0] = [str(root)]
        monkeypatch.setattr(fingerprint, "PROJECT_ROOT", root)
        world = World(root, store)
        for name, value in START.items():
            world.change(name, value)
        return world

    yield make
    for name in [name for name in sys.modules if name.split(".")[0] in ("demo_steps", "demo_library")]:
        del sys.modules[name]


changes = st.tuples(st.sampled_from(sorted(START)), st.integers(0, 2))


@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(changes, min_size=4, max_size=9))
def test_results_are_those_of_a_fresh_computation(
    folders: Any, store: ArtifactStore, sequence: list[tuple[str, int]]
) -> None:
    world, seen = folders(store), set[tuple[int, ...]]()
    for name, value in sequence:
        world.change(name, value)
        total, reused = world.run(world.load())
        assert total == world.expected
        assert reused == (world.key in seen), "what was made is reused, and nothing else"
        seen.add(world.key)


@settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(changes, st.booleans()), min_size=4, max_size=9))
def test_a_process_that_is_older_than_its_code_files_nothing(
    folders: Any, store: ArtifactStore, sequence: list[tuple[tuple[str, int], bool]]
) -> None:
    world = folders(store)
    steps = world.load()
    for (name, value), restart in sequence:
        world.change(name, value)
        steps = world.load() if restart else steps
        try:
            assert world.run(steps)[0] == world.expected
        except ChangedMeanwhileError:
            assert not restart
            assert world.run(world.load())[0] == world.expected


@pytest.mark.parametrize("name", ["factor", "bonus"])
def test_code_that_is_edited_while_a_step_runs_costs_nothing_and_counts_from_then_on(
    folders: Any, store: ArtifactStore, name: str
) -> None:
    world = folders(store)
    steps = world.load()
    steps.after = lambda: world.change(name, 2)  # type: ignore[attr-defined]
    assert world.run(steps) == (0, False)
    assert world.run(world.load()) == (world.expected, False)
    world.change(name, 0)
    assert world.run(world.load()) == (0, True)


@pytest.mark.parametrize("name", ["stand", "offset"])
def test_what_changes_while_a_step_reads_it_is_not_filed(folders: Any, store: ArtifactStore, name: str) -> None:
    world = folders(store)
    steps = world.load()
    steps.after = lambda: world.change(name, 2)  # type: ignore[attr-defined]
    with pytest.raises(ChangedMeanwhileError):
        world.run(steps)
    world.change(name, 0)
    assert world.run(world.load()) == (0, False)


def test_the_same_bytes_by_another_way_are_reused(folders: Any, store: ArtifactStore) -> None:
    world = folders(store)
    world.change("number", 2)
    first = world.run(world.load())
    steps = world.load()
    other: ArtifactRef = steps.origin.run(store, {"number": 2}, force=True).ref
    again = steps.compute.run(store, {"source": other, "plus": 0})
    assert (first[1], again.reused) == (False, True)


def test_a_step_is_not_shown_what_its_fingerprint_leaves_out(
    folders: Any, store: ArtifactStore, tmp_path: Path
) -> None:
    world = folders(store)
    source = world.load().origin(store, number=3)
    work = Workspace(store, "demo", "0" * 64, tmp_path / "work")
    assert sorted(path.name for path in work.fetch(source).iterdir()) == ["number.txt"]
    with pytest.raises(TypeError, match="measures"):
        work.manifest(source)
    seen = Workspace(store, "demo", "0" * 64, tmp_path / "other", (source,)).manifest(source)
    assert seen._fields == ("metrics", "inputs")
