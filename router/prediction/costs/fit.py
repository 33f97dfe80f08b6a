"""Lines through timings: least absolute relative deviations and medians, so that one disturbed timing moves nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from router.prediction.costs.model import KNOT, Band, CostLine

Point = tuple[float, float]
"""(megapixels, seconds)."""
SHARE = 0.9
"""Share of timings within a band."""
LEAST = Band(0.7, 1.45)
"""No band is narrower: few timings of made-up pictures show too little; photographs showed this (docs/internals/costs.md)."""
LEAST_OF = {"avif": Band(0.5, 2.0), "png": Band(0.5, 1.45)}
"""By name: codecs whose time hangs on content more than the made-up pictures do."""


def line(points: Sequence[Point]) -> CostLine:
    """The line with neither part negative that has the least sum of |predicted / measured - 1|.

    Exact: an optimum of least absolute deviations with bounds passes through two points, or through one point with a part at
    0, so all of these are tried (Bloomfield and Steiger, "Least absolute deviations", 1983, chapter 1). Relative, because a
    budget is missed by shares of the time, and small pictures must count as much as large ones.
    """
    if not points:
        raise ValueError("no points")
    x, y = (np.maximum(np.array(values, np.float64), 1e-9) for values in zip(*points, strict=True))
    found = [(0.0, b) for b in y / x] + [(a, 0.0) for a in y]
    for i, j in combinations(range(len(x)), 2):
        if x[i] != x[j]:
            slope = (y[j] - y[i]) / (x[j] - x[i])
            found.append((y[i] - slope * x[i], slope))
    candidates = np.array([c for c in found if min(c) >= 0])
    errors = np.abs((candidates[:, :1] + candidates[:, 1:] * x) / y - 1).sum(axis=1)
    fixed, slope = candidates[int(np.argmin(errors))]
    return CostLine(float(fixed), float(slope))


def bent(below: CostLine, growth: Sequence[tuple[Point, Point]]) -> CostLine:
    """`below` with another slope above KNOT: that which `growth` shows, and never a smaller one.

    `growth`: what the same content took at a size of about KNOT, and at a larger one; the median of the ratios counts, so that
    it is the size that bends the line and not the content.
    """
    ratios = [(large[1] / small[1], large[0] - small[0]) for small, large in growth if small[1] > 0 and large[0] > small[0]]
    if not ratios:
        return below
    beyond = float(np.median([below.at(KNOT) * (ratio - 1) / more for ratio, more in ratios]))
    return CostLine(below.fixed, below.per_megapixel, max(below.per_megapixel, beyond))


def band(ratios: Sequence[float], name: str = "") -> Band:
    """The central SHARE of measured / predicted, and at least what is known of what is called `name`."""
    low, high = np.quantile(np.array(ratios, np.float64), [(1 - SHARE) / 2, (1 + SHARE) / 2])
    least = LEAST_OF.get(name, LEAST)
    return Band(min(float(low), least.low), max(float(high), least.high))
