"""Whether an answer has the form that the use case asks for."""

from include.customization.rewards.sample import Sample

SECONDS = 1.0


def format(sample: Sample, pattern: str) -> float:
    """1 where the whole answer matches the regular expression, else 0; TimeoutError where that takes over a second."""
    import regex

    return float(regex.fullmatch(pattern, sample.answer, timeout=SECONDS) is not None)
