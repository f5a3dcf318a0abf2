"""Whether an answer says each thing once."""

from include.customization.rewards.sample import Sample

WORDS = 3


def no_repetition(sample: Sample) -> float:
    """The share of its runs of three words that are different; 1 for an answer of fewer words, 0 for none."""
    words = sample.answer.lower().split()
    runs = [tuple(words[start : start + WORDS]) for start in range(len(words) - WORDS + 1)]
    return len(set(runs)) / len(runs) if runs else float(bool(words))
