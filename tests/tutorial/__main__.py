"""Does what docs/tutorial.md says, word by word, in a fresh clone of the last commit, and checks what it says of it.

python -m tests.tutorial                       installs everything, as a reader's machine does
python -m tests.tutorial --linked              takes the environments that are installed here
python -m tests.tutorial --linked --keep       leaves the clone for a look
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from include.core.settings import PROJECT_ROOT
from tests.conftest import free_ports
from tests.tutorial.page import Command, WrittenFile, read_page

PARTS = ("venv", "serving", "tools", "bin")
STAMPS = ("venv", "serving", "tools", "project", "dev", "benchmarks")
PORTS = ("AIRFLOW", "AIRFLOW_HEALTH", "TRITON_HTTP", "TRITON_GRPC", "TRITON_METRICS", "GATEWAY")
# what runs beside the tutorial is no part of it
LEFT_OUT = ("GENAI_", "AIRFLOW", "PYTHON", "VIRTUAL_ENV")


def environment(clone: Path, *, linked: bool) -> dict[str, str]:
    """The caller's, without settings of its own, with ports that are free."""
    base = free_ports(20)
    ports = {f"GENAI_{name}_PORT": str(base + 4 + number) for number, name in enumerate(PORTS)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    found = kept | ports | {"GENAI_S3_PORT": str(base), "GENAI_TRITON_SERVERS": "1"}
    # linked environments name this checkout, and the machine may be busy with it
    return found | {"PYTHONPATH": str(clone), "GENAI_MEMORY_NEEDED_GB": "3"} if linked else found


def link_environments(clone: Path) -> None:
    """Give a clone the environments of this checkout, as complete."""
    state = clone / ".genai"
    (state / "stamps").mkdir(parents=True)
    state.chmod(0o700)
    for part in PARTS:
        (state / part).symlink_to((PROJECT_ROOT / ".genai" / part).resolve())
    code = "import sys; from include.local.install import digest\nfor part in sys.argv[1:]: print(digest(part))"
    line = [sys.executable, "-c", code, *STAMPS]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GENAI_")}
    digests = subprocess.run(line, cwd=clone, env=kept | {"PYTHONPATH": str(clone)}, capture_output=True, text=True)
    for part, digest in zip(STAMPS, digests.stdout.split(), strict=True):
        (state / "stamps" / part).write_text(digest)


def follow(clone: Path, around: dict[str, str]) -> list[str]:
    """Write what the page writes, run what it runs; what did not come out as it says."""
    for number, step in enumerate(read_page((clone / "docs" / "tutorial.md").read_text()), 1):
        if isinstance(step, WrittenFile):
            (clone / step.path).write_text(step.text)
            print(f"{number}. wrote {step.path}", flush=True)
        elif problems := run(number, step, clone, around):
            return problems
    return []


def run(number: int, step: Command, clone: Path, around: dict[str, str]) -> list[str]:
    """Run a block as one shell program, show what it prints, and hold it to what the page says."""
    started = time.monotonic()
    line = ["bash", "-euo", "pipefail", "-c", step.text]
    running = subprocess.Popen(line, cwd=clone, env=around, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert running.stdout
    printed = []
    for told in running.stdout:
        printed.append(told)
        print("   ", told, end="", flush=True)
    code = running.wait()
    print(f"{number}. {step.text.splitlines()[-1]}: exit code {code}, {time.monotonic() - started:.0f} s", flush=True)
    if code:
        return [f"exit code {code} of: {step.text}"]
    return [f"{step.text.strip()} does not print: {wanted}" for wanted in step.missing("".join(printed))]


def main() -> int:
    """Clone, follow, clean up; 1 where something did not come out."""
    parser = argparse.ArgumentParser(prog="python -m tests.tutorial", description="Follows docs/tutorial.md literally.")
    parser.add_argument("--linked", action="store_true", help="take the environments that are installed here")
    parser.add_argument("--keep", action="store_true", help="leave the clone for a look")
    parsed = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tutorial-"))
    clone = folder / "project"
    subprocess.run(["git", "clone", "--quiet", PROJECT_ROOT, clone], check=True)
    if parsed.linked:
        link_environments(clone)
    around = environment(clone, linked=parsed.linked)
    try:
        problems = follow(clone, around)
    finally:
        subprocess.run(["make", "stop"], cwd=clone, check=False, capture_output=True, env=around)
    for problem in problems:
        print(f"tutorial: {problem}")
    if parsed.keep:
        print(f"kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print("tutorial: failed" if problems else "tutorial: all of it came out")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
