"""When a model on a server gets requests again: once a probe of the gateway's own was answered, and not before."""

from include.inferencing.gateway.breaker import FAILURES, SHORTEST, Breaker


def opened() -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.fail(0.0)
    assert breaker.state(0.0) == "open"
    return breaker


def test_an_answer_that_began_before_it_opened_does_not_close_it() -> None:
    breaker = opened()
    breaker.succeed()
    assert breaker.state(0.0) == "open"
    breaker.succeed(probe=True)
    assert breaker.state(0.0) == "closed"


def test_only_failed_probes_make_the_pause_longer() -> None:
    breaker = opened()
    for moment in (0.1, 0.2, 0.3):
        breaker.fail(moment)
        breaker.fail(moment, dead=True)
    assert breaker.state(SHORTEST) == "half_open"
    breaker.fail(SHORTEST, probe=True)
    assert breaker.state(SHORTEST + 1.9 * SHORTEST) == "open" and breaker.state(3 * SHORTEST) == "half_open"


def test_an_answer_ends_a_row_of_failures() -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.fail(0.0)
        breaker.succeed()
    assert breaker.state(0.0) == "closed"
