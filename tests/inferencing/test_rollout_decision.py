"""The decision: sure of what is worse, at ease with what is alike, and closed where it cannot tell."""

import random
from collections.abc import Sequence

import pytest

from include.inferencing.config import DeployConfig
from include.inferencing.rollout.decide import Looks, Observed, decide
from include.inferencing.traffic import ModelTraffic, Times

CONFIG = DeployConfig()
NO_PAIRS: list[tuple[float, float]] = []


def times(values: Sequence[float]) -> Times:
    found = Times()
    for value in values:
        found.add(value)
    return found


def seen(requests: int, bad: int = 0, first: float = 0.2, gap: float = 0.02) -> Observed:
    answered = requests - bad
    return Observed(requests, bad, times([first] * answered), times([gap] * answered * 8))


@pytest.mark.parametrize(
    ("candidate", "champion", "pairs", "over", "step", "reason"),
    [
        (seen(30), seen(30), [(50, 50)] * 30, False, "go_on", ""),
        (seen(30), None, NO_PAIRS, False, "go_on", ""),
        (seen(30, 15), None, NO_PAIRS, False, "roll_back", "15 of 30"),
        (seen(30, 15), seen(30), NO_PAIRS, False, "roll_back", "15 of 30"),
        # the champion is as bad: what is alike is not worse
        (seen(200, 100), seen(200, 100), NO_PAIRS, False, "go_on", ""),
        (seen(30, 1), seen(30), NO_PAIRS, False, "wait", "1 of 30"),
        (seen(30, 1), seen(30), NO_PAIRS, True, "roll_back", "undecided: 1 of 30"),
        (seen(0), seen(30), NO_PAIRS, True, "roll_back", "undecided: no answer yet"),
        # ten times slower, and still within the target
        (seen(30, first=1.2), seen(30, first=0.12), NO_PAIRS, False, "go_on", ""),
        (seen(30, first=4.0), seen(30, first=0.2), NO_PAIRS, False, "roll_back", "first token later than"),
        (seen(30, first=4.0), seen(30, first=4.0), NO_PAIRS, False, "go_on", ""),
        (seen(30, gap=1.0), seen(30, gap=0.05), NO_PAIRS, False, "roll_back", "token gap later than"),
        (seen(30), seen(30), [(50, 20)] * 10, False, "roll_back", "chrF -30"),
        (seen(30), seen(30), [(50, 80)] * 10, False, "go_on", ""),
        (seen(30), seen(30), [(50, 0), (0, 49), (50, 20)], False, "wait", "chrF"),
        # no worse on average, and perhaps far worse
        (seen(30), seen(30), [(50, 95), (90, 10), (50, 95), (40, 15)], False, "wait", "chrF"),
        (seen(200, 5), seen(200), NO_PAIRS, True, "go_on", ""),
        (seen(30), seen(30), [(50, 0), (0, 49), (50, 20)], True, "roll_back", "undecided: chrF"),
    ],
)
def test_what_is_seen_decides(
    candidate: Observed,
    champion: Observed | None,
    pairs: list[tuple[float, float]],
    over: bool,
    step: str,
    reason: str,
) -> None:
    found = decide(candidate, champion, pairs, CONFIG, over=over)
    assert found.step == step and reason in found.reason


def test_few_times_that_are_undecided_pass_within_their_target() -> None:
    slow = Observed(30, 0, times([0.2] * 25 + [9.0] * 5), times([0.02] * 200))
    assert decide(slow, seen(30), NO_PAIRS, CONFIG, over=False).step == "wait"
    assert decide(slow, seen(30), NO_PAIRS, CONFIG, over=True).step == "roll_back"
    within = Observed(30, 0, times([0.2] * 28 + [9.0] * 2), times([0.02] * 8))
    assert decide(within, seen(30), NO_PAIRS, CONFIG, over=False).step == "wait"
    assert decide(within, seen(30), NO_PAIRS, CONFIG, over=True).step == "go_on"


def test_of_equal_models_hardly_any_goes_back_and_of_bad_ones_hardly_any_goes_on() -> None:
    draw = random.Random(0)

    def model(fails: float, first: float) -> Observed:
        bad = sum(draw.random() < fails for _ in range(90))
        waits = [first * draw.lognormvariate(0, 0.5) for _ in range(90 - bad)]
        return Observed(90, bad, times(waits), times([0.02] * 300))

    def share(fails: float, first: float, shift: float, step: str) -> float:
        found = 0
        for _ in range(100):
            pairs = [(mean := draw.gauss(40, 15), mean + draw.gauss(shift, 15)) for _ in range(30)]
            its, champion = model(fails, first), model(0.01, 2.0)
            found += decide(its, champion, pairs, CONFIG, over=True).step == step
        return found / 100

    assert share(0.01, 2.0, 2.0, "roll_back") <= 0.03
    assert share(0.30, 2.0, 2.0, "go_on") <= 0.02
    assert share(0.01, 6.0, 2.0, "go_on") <= 0.02
    assert share(0.01, 2.0, -15.0, "go_on") <= 0.02


def goes_through(draw: random.Random, fails: float, base: float) -> bool:
    """A rollout under traffic, looked at as its driver does: whether it goes on at each share."""
    for share in CONFIG.shares:
        looks, step = Looks(CONFIG.least_requests, 1 + len(CONFIG.shares)), "wait"
        asked, bad = [0, 0], [0, 0]
        while step == "wait":
            which = int(draw.random() < share)
            asked[which] += 1
            bad[which] += draw.random() < (base, fails)[which]
            over = asked[1] >= 16 * CONFIG.least_requests
            if which and (looks.is_due(asked[1]) or over):
                champion, candidate = (Observed(*seen) for seen in zip(asked, bad, strict=True))
                step = decide(candidate, champion, NO_PAIRS, CONFIG, over=over, risk=looks.spend()).step
        if step == "roll_back":
            return False
    return True


@pytest.mark.parametrize("fails", [0.05, 0.1, 0.25])
def test_equal_models_pass_however_often_they_are_looked_at(fails: float) -> None:
    draw = random.Random(7)
    assert sum(not goes_through(draw, fails, fails) for _ in range(300)) <= 15


def test_a_much_worse_model_is_found_under_traffic() -> None:
    draw = random.Random(7)
    assert sum(goes_through(draw, 0.4, 0.1) for _ in range(100)) <= 2


def test_what_hangs_is_under_way() -> None:
    found = Observed.of(ModelTraffic(begun=10, requests=6, retried=1))
    assert (found.begun, found.under_way) == (10, 3)


def test_what_clients_gave_up_or_asked_wrongly_says_nothing_about_a_model() -> None:
    traffic = ModelTraffic(requests=16, cancelled=4, refused=6, failed=1, empty=2)
    found = Observed.of(traffic)
    assert (found.requests, found.bad) == (6, 3)


@pytest.mark.parametrize("shares", [(0.5, 0.2), (0.2, 0.2), (0.0, 0.5), (0.5, 1.0)])
def test_shares_rise_within_none_and_all(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="shares rise"):
        DeployConfig(shares=shares)
