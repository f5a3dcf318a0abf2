"""Texts that are made to be slow: every pattern has to be linear, or these tests do not end in time."""

import time
from collections import Counter

import pytest

from include.data_preparation.clean import tidy
from include.data_preparation.cleaning.boilerplate import cut, line_keys
from include.data_preparation.cleaning.messages import without_quotes
from include.data_preparation.cleaning.profile import Profile
from include.data_preparation.cleaning.quality import FILTERS, verdict
from include.data_preparation.config import CleanConfig
from include.privacy.secrets import redact

UNITS = [
    *("a", " ", ":", "`", "_", "[", "\\", "=", "\n", "\t \u00a0", "é", "Ã©", "1 ", "> ", "-- \n", "\x1b[", "&#"),
    *(
        ":a:`",
        "` <",
        "`a <",
        "[`",
        "[a](https:",
        ".. note::\n ",
        "!!! note\n",
        "``",
        "a\n====\n",
        "x\n" + "=" * 50 + " ",
    ),
    *("https://", "www.a ", "On 2025 wrote", "From: a\n", "From: a\nDate: b\nTo: c\n", "-----Original Message-----\n"),
    *("alias of ", "TODO\n", "lorem ipsum ", "%20", "=C3", "qwerty", "a" * 45 + "1 ", "f(", "x = ", "def ", "昨"),
]
LENGTH = 200_000
# of the processor's time; a linear pass takes under two seconds, and a quadratic one of these lengths a minute
MOST_SECONDS = 15
LINEAR = CleanConfig(max_characters=500_000)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("end", ["", "!"])
def test_a_hostile_text_is_read_in_time(unit: str, end: str) -> None:
    text = unit * (LENGTH // len(unit)) + end
    started = time.process_time()
    list(line_keys("web", text, 3))
    cut("web", text, frozenset({b"12345678"}), 3, 4)
    without_quotes(text, Counter())
    tidied = tidy(text)
    for shown in {tidied, text}:
        profile = Profile(shown or "x")
        for check in FILTERS:
            check(profile, LINEAR)
    redact(tidied, Counter())
    assert time.process_time() - started < MOST_SECONDS


@pytest.mark.timeout(60)
def test_a_line_of_a_million_characters_is_read() -> None:
    text = "the scheduler reads 12 files; " * 34_000
    shown = tidy(text)
    assert len(shown) > 1_000_000
    assert verdict(shown, CleanConfig()) == f"too long: {len(shown)} characters"
