"""How many units are sold in a while at most, as a quantile of the Poisson distribution."""

import math
from functools import lru_cache


def poisson_quantile(mean: float, quantile: float) -> int:
    """The smallest k with P(X <= k) >= quantile, for a Poisson variable of this mean.

    Sums the probabilities P(k) = mean^k e^-mean / k! outwards from the likeliest k, so that a large mean does not
    vanish in e^-mean (recurrence P(k+1) = P(k) mean / (k+1)). Raises ValueError for a negative or infinite mean and
    for a quantile outside (0, 1).
    """
    if not 0 <= mean < math.inf or not 0 < quantile < 1:
        raise ValueError(f"a Poisson quantile needs a mean from 0 and a quantile between 0 and 1: {mean}, {quantile}")
    if mean == 0:
        return 0
    mode = math.floor(mean)
    here = math.exp(mode * math.log(mean) - mean - math.lgamma(mode + 1))
    below = _sum_down(mean, mode, here)
    return (
        _step_up(mean, mode, here, below, quantile)
        if below < quantile
        else _step_down(mean, mode, here, below, quantile)
    )


@lru_cache(maxsize=10_000)
def compound_quantile(units: float, squares: float, quantile: float) -> int:
    """The same for orders of several units each: at most so many units, when `units` are expected.

    `squares` is the expected sum of the squared quantities, which is the variance of what Poisson many orders take
    (compound Poisson). A Poisson variable in packs of `squares / units` has that mean and that variance; for orders of
    one unit it is the plain quantile.
    """
    if units <= 0:
        return 0
    pack = max(squares / units, 1.0)
    return math.ceil(pack * poisson_quantile(units / pack, quantile) - 1e-9)


def _sum_down(mean: float, mode: int, here: float) -> float:
    """P(X <= mode)."""
    terms = []
    k, term = mode, here
    while k >= 0 and term > 0:
        terms.append(term)
        term *= k / mean
        k -= 1
    return math.fsum(reversed(terms))


def _step_up(mean: float, k: int, term: float, below: float, quantile: float) -> int:
    while below < quantile and term > 0:
        k += 1
        term *= mean / k
        below += term
    return k


def _step_down(mean: float, k: int, term: float, below: float, quantile: float) -> int:
    while k > 0 and below - term >= quantile:
        below -= term
        term *= k / mean
        k -= 1
    return k
