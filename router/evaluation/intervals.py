"""Intervals for shares."""

from __future__ import annotations

import math

Z_95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided 95 % interval."""


def wilson(count: int, trials: float, z: float = Z_95) -> tuple[float, float]:
    """The Wilson score interval (E. B. Wilson, JASA 22, 1927) for `count` of `trials`; (0, 1) without a trial."""
    if trials <= 0:
        return 0.0, 1.0
    share = count / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # rounding must not push an end past the share itself
    return max(0.0, min(share, (centre - spread) / scale)), min(1.0, max(share, (centre + spread) / scale))
