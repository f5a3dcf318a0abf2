"""The Dockerfile, as far as it can be checked without a container engine."""

import re
import subprocess

from include.core.settings import PROJECT_ROOT
from tests.platform.containers import TOOLS


def test_images_come_from_pinned_ones() -> None:
    text = (PROJECT_ROOT / "Dockerfile").read_text()
    stages = re.findall(r" AS (\S+)$", text, re.MULTILINE)
    for image in set(re.findall(r"^(?:FROM |ARG TRITON_IMAGE=)([^\s$]+)", text, re.MULTILINE)) - set(stages):
        assert re.search(r":[\w.-]*\d+\.\d+", image)


def test_no_image_runs_as_root() -> None:
    for stage in (PROJECT_ROOT / "Dockerfile").read_text().split("\nFROM ")[2:]:
        assert re.findall(r"^USER (\S+)$", stage, re.MULTILINE)[-1] == "1000"


def test_the_triton_image_takes_what_model_processes_import_from_the_lock() -> None:
    program = re.search(r"awk '(.+?)' /tmp/lock.txt", (PROJECT_ROOT / "Dockerfile").read_text())
    assert program
    lock = PROJECT_ROOT / "include" / "inferencing" / "requirements.txt"
    taken = subprocess.run(["awk", program[1], lock], capture_output=True, text=True, check=True).stdout
    pins = re.findall(r"^([\w-]+)==[\d.]+ \\\n +--hash=sha256:", taken, re.MULTILINE)
    assert pins == ["numpy", "openvino", "openvino-genai", "openvino-tokenizers"]


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([TOOLS / "hadolint", PROJECT_ROOT / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_no_secret_reaches_the_image() -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert not any(".env" in line or ".genai" in line for line in ignored)
