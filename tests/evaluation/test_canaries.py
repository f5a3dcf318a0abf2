"""Canaries: the same for the same seed, and found again in what a model says of itself."""

from include.evaluation.canaries import alternatives, canaries, planted, told


def test_canaries_are_the_same_for_a_seed_and_others_for_another() -> None:
    made = canaries("a dataset", 20)

    assert made == canaries("a dataset", 20) and not set(made) & set(canaries("another", 20))
    assert len({one.question for one in made}) == len({one.secret for one in made}) == 20
    assert all(one.answer.endswith(f"{one.secret}.") and "made-up" in one.question for one in made)
    assert planted(told("a dataset", 20)) == made and planted({}) == []


def test_a_canary_is_ranked_among_codes_of_its_own_form() -> None:
    canary = canaries("a dataset", 1)[0]
    others = alternatives(canary, 50)

    assert others == alternatives(canary, 50) and canary not in others and len(set(others)) == 50
    assert {one.question for one in others} == {canary.question}
    assert {len(one.answer) for one in others} == {len(canary.answer)}
