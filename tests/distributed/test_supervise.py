"""What processes say to their owner, whole however it comes."""

import sys
from pathlib import Path

import pytest

from include.artifacts.manifest import sha256_of
from include.artifacts.ref import artifact_prefix
from include.artifacts.store import ArtifactStore
from include.artifacts.workspace import local_copy
from include.distributed.messages import heard
from include.distributed.pulse import BYTES, Pulse
from include.distributed.supervise import Command, supervise
from tests.artifacts.sample_step import sample_step

# half of a line, the rest of it once the other one has said all of its own
HALVES = """
import os, sys, time
os.write(1, b'::genai:: ["checkpoint",')
time.sleep(float(sys.argv[1]))
os.write(1, b' 7]\\n')
"""
PULSES = """print('::genai:: ["pulse", "bytes"]\\n' * 1000 + '::genai:: ["checkpoint", 3]')"""
TORN = """print('::genai:: ["checkpoint", ')"""


def told(*commands: list[str]) -> list[object]:
    return supervise([Command([sys.executable, "-c", *command], {}) for command in commands], 60).all("checkpoint")


def test_half_a_line_of_one_host_does_not_meet_one_of_another() -> None:
    assert told([HALVES, "1"], [HALVES, "0.5"]) == [7, 7]


def test_a_line_that_was_torn_by_a_death_says_nothing() -> None:
    assert told([TORN], [HALVES, "0"]) == [7]


def test_a_transfer_is_a_sign_of_life_and_waiting_is_none(
    store: ArtifactStore, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    large = sample_step(store, text="x" * 3 * BYTES, source=None)
    pulse = Pulse()

    def told() -> list[tuple[str, object] | None]:
        pulse.look()
        return [heard(line) for line in capfd.readouterr().out.splitlines() if line]

    assert told() == []
    local_copy(store, tmp_path, large)
    assert told() == [("pulse", "bytes")] and told() == []
    (folder := tmp_path / "state").mkdir()
    (folder / "state.pt").write_bytes(bytes(3 * BYTES))
    assert told() == [("pulse", "bytes")]
    store.upload(artifact_prefix("tests.pulse", sha256_of("upload")), folder)
    assert told() == [("pulse", "bytes")] and told() == []


def test_pulses_are_heard_and_not_kept() -> None:
    said = supervise([Command([sys.executable, "-c", PULSES], {})], 60)
    assert said.told == [("checkpoint", 3)] and not said.lines
