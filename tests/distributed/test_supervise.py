"""What processes say to their owner, whole however it comes."""

import sys

from include.distributed.supervise import Command, supervise

# half of a line, the rest of it once the other one has said all of its own
HALVES = """
import os, sys, time
os.write(1, b'::genai:: ["checkpoint",')
time.sleep(float(sys.argv[1]))
os.write(1, b' 7]\\n')
"""
TORN = """print('::genai:: ["checkpoint", ')"""


def told(*commands: list[str]) -> list[object]:
    return supervise([Command([sys.executable, "-c", *command], {}) for command in commands], 60).all("checkpoint")


def test_half_a_line_of_one_host_does_not_meet_one_of_another() -> None:
    assert told([HALVES, "1"], [HALVES, "0.5"]) == [7, 7]


def test_a_line_that_was_torn_by_a_death_says_nothing() -> None:
    assert told([TORN], [HALVES, "0"]) == [7]
