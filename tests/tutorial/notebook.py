"""Runs the cells of docs/notebook.ipynb in order, as a kernel would, with a state folder of their own.

python -m tests.tutorial.notebook
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from include.core.settings import PROJECT_ROOT

NOTEBOOK = PROJECT_ROOT / "docs" / "notebook.ipynb"


def cells() -> list[str]:
    """The source of each cell of code."""
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def program(sources: Sequence[str]) -> str:
    """Cells as one program; each says where an error came from."""
    parts = [f"exec(compile({source!r}, 'cell {number}', 'exec'))" for number, source in enumerate(sources, 1)]
    return "\n".join(parts)


def run(sources: Sequence[str], *, capture: bool = False) -> "subprocess.CompletedProcess[str]":
    """Run cells in a process of their own."""
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        for part in ("venv", "serving", "tools", "bin"):
            (state / part).symlink_to((PROJECT_ROOT / ".genai" / part).resolve())
        environment = os.environ | {"GENAI_STATE_FOLDER": str(state), "PYTHONUNBUFFERED": "1"}
        line = [sys.executable, "-c", program(sources)]
        where = PROJECT_ROOT / "docs"
        return subprocess.run(line, cwd=where, env=environment, check=False, capture_output=capture, text=True)


def main() -> int:
    """Run all of them; the exit code."""
    return run(cells()).returncode


if __name__ == "__main__":
    sys.exit(main())
