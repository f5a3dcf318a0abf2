"""Whether one model is better than another on the same questions, beyond chance, where several are compared."""

from collections.abc import Sequence


def p_value(differences: Sequence[float], resamples: int, seed: int) -> float:
    """Two-sided p of the mean of paired differences being 0, by random signs (Fisher 1935; Good 2005, chapter 3).

    Were two models equal, the sign of each question's difference would be a coin's. 1 where one is no finite number.
    """
    import numpy as np
    from scipy.stats import permutation_test

    values = np.asarray(differences, dtype=float)
    # a sum that is no number is as extreme as any: it would be found significant
    if not values.any() or not np.isfinite(values).all():
        return 1.0
    found = permutation_test(
        (values,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, corrected for their number: the chance of any false finding stays below the level (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected, highest = [1.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = highest
    return corrected
