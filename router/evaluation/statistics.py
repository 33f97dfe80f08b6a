"""Figures with 95 % intervals: shares, means and ratios over images, AUROC.

Shares have Wilson's interval. All others have a percentile bootstrap over images, with one set of resamples a number of images,
so that figures of one table go together and differences between them are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
TPR = 0.95
_TAILS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class IntervalEstimate:
    """A figure, its 95 % interval (None where there is none, as with one image), and how many images it stands on.

    `draws`: the bootstrap values behind it, (RESAMPLES,); None where the interval is not a bootstrap's.
    """

    value: float | None
    low: float | None
    high: float | None
    images: int
    draws: Values | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, without the draws."""
        return {"value": self.value, "low": self.low, "high": self.high, "images": self.images}


def mean(values: Values) -> IntervalEstimate:
    """The mean of the finite values, with its interval."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return IntervalEstimate(None, None, None, 0)
    draws = counts(len(known)) @ known / len(known)
    return IntervalEstimate(float(known.mean()), *_if_any(draws), len(known), draws)


def ratio(above: Values, below: Values) -> IntervalEstimate:
    """Sum over sum, of the images that have both as finite and positive numbers; images are drawn, not their halves."""
    a, b = np.asarray(above, np.float64), np.asarray(below, np.float64)
    both = np.isfinite(a) & np.isfinite(b) & (b > 0)
    a, b = a[both], b[both]
    if not len(a):
        return IntervalEstimate(None, None, None, 0)
    drawn = counts(len(a))
    draws = (drawn @ a) / (drawn @ b)
    return IntervalEstimate(float(a.sum() / b.sum()), *_if_any(draws), len(a), draws)


def share(hits: Sequence[bool] | NDArray[np.bool_]) -> IntervalEstimate:
    """The share of true values, with Wilson's interval."""
    if not len(hits):
        return IntervalEstimate(None, None, None, 0)
    return IntervalEstimate(float(np.mean(hits)), *wilson(int(np.sum(hits)), len(hits)), len(hits))


def wilson(count: int, trials: int) -> tuple[float, float]:
    """The Wilson score interval (E. B. Wilson, JASA 22, 1927) for `count` of `trials`; (0, 1) without a trial."""
    if trials <= 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    found = binomtest(count, trials).proportion_ci(LEVEL, "wilson")
    # rounding must not push an end past the share itself
    return min(count / trials, float(found.low)), max(count / trials, float(found.high))


def auroc(inside: Values, outside: Values, key: int = 1) -> IntervalEstimate:
    """Chance that one of `outside` scores higher than one of `inside`, ties counted half.

    Percentile bootstrap over both sets; `key` chooses the resamples of `outside`. Where the two do not overlap every resample
    agrees, and so do the variances of DeLong and of Hanley and McNeil; there the interval is Newcombe's (Statistics in Medicine
    25, 2006, part 2, method 5): the values whose own Hanley-McNeil variance does not reject what was seen.
    """
    m, n = len(inside), len(outside)
    if not m or not n:
        return IntervalEstimate(None, None, None, n)
    wins = (outside[:, None] > inside[None]) + 0.5 * (outside[:, None] == inside[None])
    value = float(wins.mean())
    draws = np.einsum("bi,ij,bj->b", counts(n, key) / n, wins, counts(m) / m, optimize=True)
    draws = np.clip(draws, 0, 1)  # shares of the weights may sum to a rounding more than 1
    return IntervalEstimate(value, *(_newcombe(value, m, n) if value in (0.0, 1.0) else interval(draws)), n, draws)


def accepting_line(inside: Values) -> float:
    """The score that TPR of `inside` do not exceed: what is accepted "at 95 % TPR" lies at or below it."""
    return float(np.quantile(inside, TPR, method="higher"))


@lru_cache(maxsize=16)  # 8 kB an image each
def counts(images: int, key: int = 0) -> Values:
    """(RESAMPLES, images): how often each image was drawn, with replacement; the same for the same arguments."""
    drawn = np.random.default_rng([key, images]).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    return drawn.astype(np.float64)


def interval(draws: Values) -> tuple[float, float]:
    """The 95 % interval of bootstrap values."""
    low, high = np.quantile(draws, _TAILS)
    return float(low), float(high)


def _if_any(draws: Values) -> tuple[float | None, float | None]:
    return interval(draws) if np.ptp(draws) > 0 else (None, None)


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    from scipy.optimize import brentq
    from scipy.stats import norm

    size, z = (m + n) / 2 - 1, float(norm.ppf(_TAILS[1]))

    def gap(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + size * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return float((1 - theta) - z * variance**0.5)

    low = float(brentq(gap, 1e-9, 1 - 1e-9))  # falls from 1, and is below 0 just under 1
    return (low, 1.0) if value == 1 else (0.0, 1 - low)
