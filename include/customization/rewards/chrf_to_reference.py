"""How much of its wording an answer shares with the reference."""

from include.customization.rewards.sample import Sample


def chrf_to_reference(sample: Sample) -> float:
    """chrF2++ against the reference, from 0 to 1."""
    from sacrebleu.metrics import CHRF

    return float(CHRF(word_order=2).sentence_score(sample.answer, [sample.reference]).score) / 100
