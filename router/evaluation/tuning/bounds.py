"""What counts of harmed images allow to claim: tests, upper limits, and how many images a claim takes.

Learn-then-Test (A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, arXiv 2110.01052, 2021): of every setting the
hypothesis "its risk is above epsilon" is tested, with the family-wise error controlled at delta; then *all* settings that are
rejected have a risk of at most epsilon with confidence 1 - delta, and any of them may be chosen, by whatever else one likes.
Harm is 0 or 1 an image, so the test is the exact binomial one, which no bound for general losses (Hoeffding, Bentkus) beats.

MAPIE (1.6) offers the same with one sequence of settings, Hoeffding-Bentkus p-values, and no way to hand a level on from one
sequence to the next; hence these few lines on top of scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def p_values(harmed: Counts, trials: Counts, epsilon: float) -> NDArray[np.float64]:
    """P(Binomial(trials, epsilon) <= harmed): small where so few are harmed that a risk above epsilon is hard to believe.

    1 without a trial. Falls with fewer harmed, more trials and a larger epsilon.
    """
    from scipy.stats import binom

    trials = np.asarray(trials)
    return np.where(trials > 0, binom.cdf(harmed, np.maximum(trials, 1), epsilon), 1.0)


def upper_limit(harmed: int, trials: int, delta: float) -> float:
    """The largest risk that the counts do not contradict at level delta (C. Clopper, E. Pearson, Biometrika 26, 1934)."""
    from scipy.stats import beta

    return 1.0 if harmed >= trials else float(beta.ppf(1 - delta, harmed + 1, trials - harmed))


def rejected_in_chains(p: NDArray[np.float64], chains: Sequence[Sequence[int]], delta: float) -> tuple[NDArray[np.bool_], float]:
    """Which hypotheses are rejected, and the largest level that one was tested at.

    Each chain is an order of hypotheses (places in `p`) that was fixed before the data were seen; it is tested from its start
    until one is not rejected. Chains begin with equal shares of delta; one that is rejected to its end leaves its share to the
    others. That is a graphical procedure (F. Bretz, W. Maurer, W. Brannath, M. Posch, Statistics in Medicine 28, 2009): the
    chance of any wrong rejection is at most delta, however the p-values depend on each other.
    """
    found = np.zeros(len(p), bool)
    heads = dict.fromkeys(range(len(chains)), 0)
    level = delta / max(len(chains), 1)
    moved = True
    while moved and heads:
        moved = False
        level = delta / len(heads)
        for chain in list(heads):
            while heads[chain] < len(chains[chain]) and p[chains[chain][heads[chain]]] <= level:
                found[chains[chain][heads[chain]]] = True
                heads[chain] += 1
                moved = True
            if heads[chain] == len(chains[chain]):
                del heads[chain]
    return found, level


def rejected_by_holm(p: NDArray[np.float64], delta: float) -> tuple[NDArray[np.bool_], float]:
    """As `rejected_in_chains` without an order: S. Holm, Scandinavian Journal of Statistics 6, 1979."""
    found = np.zeros(len(p), bool)
    level = delta / max(len(p), 1)
    for place, index in enumerate(np.argsort(p, kind="stable")):
        level = delta / (len(p) - place)
        if p[index] > level:
            break
        found[index] = True
    return found, level


def images_needed(epsilon: float, level: float, share: float = 0.0) -> int | None:
    """Fewest images at which a harmed share of `share` is significantly below epsilon; None if it is not below at all.

    With no harm: ln(level) / ln(1 - epsilon), rounded up.
    """
    if share >= epsilon:
        return None
    count = math.ceil(math.log(level) / math.log1p(-epsilon))
    if share == 0.0:
        return count
    from scipy.stats import binom

    while True:  # the harmed share of n images is at least `share`; steps of 1 % are exact enough for a forecast
        if binom.cdf(math.ceil(share * count), count, epsilon) <= level:
            return count
        count += max(1, count // 100)
