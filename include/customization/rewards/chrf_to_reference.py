"""How much of its wording an answer shares with the reference."""

from include.customization.rewards.sample import Sample
from include.evaluation.agreement import chrf


def chrf_to_reference(sample: Sample) -> float:
    """chrF2++ against the reference, from 0 to 1."""
    return chrf(sample.answer, sample.reference) / 100
