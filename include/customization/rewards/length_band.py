"""Whether an answer is as long as a good one."""

from include.customization.rewards.sample import Sample


def length_band(sample: Sample, least: int, most: int) -> float:
    """1 for an answer of `least` to `most` words; less by the share of words that it lacks, or has beyond."""
    words = len(sample.answer.split())
    if words < least:
        return words / least
    return most / words if words > most else 1.0
