"""The import rule, and that step modules stay light until they run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.core.settings import PROJECT_ROOT

HEAVY = {"torch", "transformers", "deepspeed", "peft", "datasets", "spacy", "sdv", "pandas", "pyarrow", "openvino"}
HEAVY |= {"presidio_analyzer", "presidio_anonymizer", "openvino_genai", "rensa", "sacrebleu", "numpy"}


def modules() -> list[str]:
    """Every module of include that runs in the project's own environment as an import."""
    files = sorted((PROJECT_ROOT / "include").rglob("*.py"))
    # a package of Triton's own: Python there runs inside its server only
    names = [path.relative_to(PROJECT_ROOT).with_suffix("") for path in files if "triton_model" not in path.parts]
    return [".".join(name.parts).removesuffix(".__init__") for name in names if not name.name.startswith("__main__")]


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
    names = [name for name in modules() if name.split(".")[1:2] != ["distributed"]]
    found = imported_by(names)
    if found & HEAVY:
        pytest.fail(f"{sorted(found & HEAVY)} imported by {importing(names)}")


def test_include_does_not_import_airflow() -> None:
    assert "airflow" not in imported_by(modules())
