"""Split-conformal p-values: from a score to a false-alarm rate that can be stated.

Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World", 2005, section 4.2 (inductive conformal prediction); for
outlier detection Bates, Candes, Lei, Romano, Sesia, "Testing for outliers with conformal p-values", Annals of Statistics 51(1),
2023. If the image is exchangeable with the n calibration images, P(p_value <= alpha) <= alpha *on average over calibration
sets*. Given the one calibration set that is shipped, the false-alarm rate of a continuous score is itself random: with
k = floor(alpha (n + 1)) it follows Beta(k, n + 1 - k), so false alarms among m new photographs are beta-binomial. With n = 150
and alpha = 0.05 (k = 7) the rate has mean 0.046 and lies in [0.019, 0.085] for 95 % of calibration sets. The smallest p-value
is 1 / (n + 1): with n < 99 nothing can be rejected at alpha = 0.01.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

DEFAULT_ALPHA = 0.05
SCORE_DECIMALS = 3
"""Scores are compared after rounding: differences below this are arithmetic noise between processors, hence ties."""


class ScoreCalibration:
    """Scores of held-out photographs and the scale they define.

    Args:
        scores: (n,) finite raw scores, n >= 1, any order.
    """

    def __init__(self, scores: ArrayLike) -> None:
        raw = np.asarray(scores, np.float64)
        if raw.ndim != 1 or not len(raw) or not np.isfinite(raw).all():
            raise ValueError("calibration needs a flat list of at least one finite score")
        self.raw = raw
        self._median, upper = np.quantile(raw, [0.5, 0.95])
        self._unit = max(float(upper - self._median), 1e-9)
        self._ascending = np.sort(self.scale(raw))
        self._ascending.setflags(write=False)

    def __len__(self) -> int:
        return len(self.raw)

    def scale(self, raw: ArrayLike) -> NDArray[np.float64]:
        """Raw scores to the reported scale: 0 at the calibration median, 1 at its 95th percentile, rounded to SCORE_DECIMALS.

        Increasing, so ranks (and p-values) are those of the raw scores up to ties.
        """
        scaled: NDArray[np.float64] = np.round((np.asarray(raw, np.float64) - self._median) / self._unit, SCORE_DECIMALS)
        return scaled

    def p_value(self, score: float) -> float:
        """(1 + #{calibration >= score}) / (n + 1) of a score on the reported scale; in [1 / (n + 1), 1].

        Ties count as further out, which can only raise the p-value. NaN is treated as infinitely far out.
        """
        n = len(self._ascending)
        at_least = 0 if np.isnan(score) else n - int(np.searchsorted(self._ascending, score, side="left"))
        return (1 + at_least) / (n + 1)

    @property
    def ascending(self) -> NDArray[np.float64]:
        """(n,) scores on the reported scale, ascending; not to be written to."""
        return self._ascending

    @property
    def smallest_p(self) -> float:
        """1 / (n + 1)."""
        return 1 / (len(self) + 1)


def false_alarm_interval(strata: Iterable[tuple[int, int]], alpha: float, level: float = 0.95) -> tuple[int, int]:
    """Central interval of the number of false alarms among photographs that are exchangeable with the calibration's.

    `strata`: (calibration scores n, photographs m), each with its own calibration. A stratum's number is beta-binomial with
    a = floor(alpha (n + 1)) and b = n + 1 - a; their sum is the convolution. Returns (low, high), both inclusive. Needs scipy.
    """
    from scipy.stats import betabinom

    mass = np.ones(1)
    for n, m in strata:
        a = int(alpha * (n + 1) + 1e-9)
        if a > 0:
            mass = np.convolve(mass, betabinom.pmf(np.arange(m + 1), m, a, n + 1 - a))
    cumulative, tail = np.cumsum(mass), (1 - level) / 2
    low, high = (int(np.searchsorted(cumulative, end, side="left")) for end in (tail, 1 - tail))
    return low, min(high, len(mass) - 1)
