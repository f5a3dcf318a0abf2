"""Drift is called where texts differ, and rarely where they do not."""

import random
from collections.abc import Callable
from functools import partial

import pytest

from include.inferencing.config.operations import DriftConfig
from include.inferencing.operations import shift
from include.inferencing.operations.drift import compare
from include.inferencing.operations.quality import Share, Window, worsened
from include.inferencing.operations.shift import Shift, shown, thinned
from include.inferencing.operations.trend import trend
from tests.inferencing.operations.scene import complaint, exchanges, question

CONFIG = DriftConfig()
TESTS: dict[str, Callable[[list[str], list[str]], Shift]] = {
    "lengths": partial(shift.lengths, limit=CONFIG.stability),
    "words": partial(shift.words, limit=CONFIG.divergence),
    "classifier": partial(shift.classifier, limit=CONFIG.auc),
}
QUIET = Window(thumbs=(0, 0), empty=(0, 0), cut=(0, 0))


def texts(make: Callable[[random.Random], str], seed: int, count: int) -> list[str]:
    draw = random.Random(seed)
    return thinned([make(draw) for _ in range(2 * count)], count)


@pytest.mark.parametrize("name", TESTS)
def test_without_a_shift_chance_is_spread_evenly(name: str) -> None:
    found = [TESTS[name](texts(question, seed, 120), texts(question, seed + 1000, 60)) for seed in range(30)]

    # of 30 looks without drift, 3 are expected below 0.1; 9 or more have a chance of 1 in 2,000
    assert sum(one.p <= 0.1 for one in found) < 9
    assert sum(bool(shown([one], CONFIG.chance)) for one in found) <= 1


@pytest.mark.parametrize("name", TESTS)
def test_other_texts_are_drift_and_so_are_other_texts_for_a_half(name: str) -> None:
    trained = texts(question, 1, 300)
    half = [*texts(question, 2, 60), *texts(complaint, 3, 60)]

    for used in (texts(complaint, 4, 120), half):
        found = TESTS[name](trained, used)
        assert shown([found], CONFIG.chance) == [found], found


def test_the_same_texts_and_seed_give_the_same_figures() -> None:
    trained, used = texts(question, 1, 100), texts(complaint, 2, 60)
    for test in TESTS.values():
        assert test(trained, used) == test(trained, used)


def test_what_is_small_or_may_be_chance_is_no_drift() -> None:
    small = Shift(name="words", value=0.05, limit=0.1, p=0.001)
    lucky = Shift(name="lengths", value=0.9, limit=0.25, p=0.008)

    assert shown([small], 0.01) == []
    assert shown([lucky], 0.01) == [lucky]
    # one of two tests at 0.008 is to be expected in more than one look of a hundred
    assert shown([lucky, Shift(name="a", value=0, limit=1, p=0.5)], 0.01) == []


def test_a_question_that_everybody_asks_is_no_drift_and_few_questions_tell_nothing() -> None:
    trained = texts(question, 1, 200)

    found = compare(trained, exchanges([trained[0]] * 500), QUIET, QUIET, CONFIG)
    assert (found.questions, found.tests, found.drifted) == (1, (), ())
    assert found.untold == "1 distinct questions were sampled, fewer than 50: nothing is told of them"
    assert compare([], exchanges(trained), QUIET, QUIET, CONFIG).untold == "the champion's dataset is not known"


def test_answers_that_got_worse_are_drift_and_few_votes_are_not() -> None:
    def downs(bad: int, total: int, bad_before: int, before: int) -> Shift | None:
        share = Share(name="down-votes", bad=bad, total=total, bad_before=bad_before, total_before=before)
        return worsened(share, CONFIG.worse)

    worse, same, few = downs(60, 100, 20, 100), downs(22, 100, 20, 100), downs(9, 10, 0, 100)
    assert worse and shown([worse], CONFIG.chance) == [worse]
    assert same and shown([same], CONFIG.chance) == []
    assert few is None


def test_a_trend_is_told_where_it_is_more_than_chance() -> None:
    draw = random.Random(5)
    noise = [10 + draw.gauss(0, 1) for _ in range(14)]
    rising = [value + day for day, value in enumerate(noise)]
    rising[3] = 500

    found = trend(rising)
    assert found and found.slope == pytest.approx(1, abs=0.3)
    assert found.days_until(found.level + 10 * found.slope) == pytest.approx(10)
    flat = trend(noise)
    assert flat and flat.days_until(1e9) is None and flat.days_until(1.0) == 0
    assert trend(rising[:6]) is None
