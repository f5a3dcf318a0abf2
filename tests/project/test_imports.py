"""The import rule, and that step modules stay light until they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT

HEAVY = {"torch", "transformers", "deepspeed", "peft", "datasets", "spacy", "sdv", "pandas", "pyarrow", "openvino"}
HEAVY |= {"presidio_analyzer", "presidio_anonymizer", "openvino_genai", "rensa", "sacrebleu"}
# programs of the serving environment, whose libraries this one does not have
SERVING = (
    "include.inferencing.export_openvino",
    "include.inferencing.graph_adapters",
    "include.inferencing.triton_model",
)


def modules(package: str = "include") -> list[str]:
    """Every module of a package that this environment imports."""
    files = sorted((PROJECT_ROOT / package).rglob("*.py"))
    names = [".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts) for path in files]
    return [name.removesuffix(".__init__") for name in names if not name.startswith(SERVING)]


def imported_by(names: list[str]) -> set[str]:
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=PROJECT_ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {module.split(".")[0] for module in done.stdout.split()}


def importing(names: list[str]) -> list[str]:
    """Those of `names` whose import alone brings a heavy library."""
    return [name for name in names if imported_by([name]) & HEAVY]


def test_contracts_hold() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [lint, "--no-cache"],
        cwd=PROJECT_ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_importing_the_project_loads_no_heavy_library() -> None:
    found = imported_by(modules()) & HEAVY
    if found:
        pytest.fail(f"{sorted(found)} imported by {importing(modules())}")


def test_include_does_not_import_airflow() -> None:
    assert "airflow" not in imported_by(modules())


def test_benchmarks_import_what_there_is() -> None:
    """What they measure against is imported when they run: the tests' environment does not have it."""
    assert "benchmarks" in imported_by(modules("benchmarks"))
