"""Figures of the detector's benchmark that `router.evaluation.statistics` has not: FPR at 95 % TPR, means, rank correlation.

Sign: higher scores are further out. Resamples are those of that module, shared by all figures of a run, so that means over
domains carry the uncertainty of the photographs that all domains are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router.evaluation.statistics import TPR, IntervalEstimate, accepting_line, counts, interval, wilson

Scores = NDArray[np.float64]


def fpr95(photographs: Scores, outside: Scores, key: int = 1) -> IntervalEstimate:
    """Share of `outside` that is accepted at the line which accepts 95 % of the photographs.

    Percentile bootstrap over both sets, so that the line moves too; Wilson's interval where all resamples agree.
    """
    value = float(np.mean(outside <= accepting_line(photographs)))
    order, drawn = np.argsort(photographs), counts(len(photographs))
    # The line of a resample is its smallest score that enough of it do not exceed.
    enough = np.ceil(TPR * (len(photographs) - 1)) + 1
    lines = photographs[order][np.argmax(np.cumsum(drawn[:, order], axis=1) >= enough, axis=1)]
    draws = (counts(len(outside), key) * (outside[None] <= lines[:, None])).mean(axis=1)
    low, high = interval(draws)
    if low == high:
        low, high = wilson(round(value * len(outside)), len(outside))
    return IntervalEstimate(value, low, high, len(outside), draws)


def mean_of(estimates: Sequence[IntervalEstimate]) -> IntervalEstimate:
    """Mean over domains; the interval resamples images, not domains: another choice of domains would give another mean.

    Where no resample differs it is the mean of the domains' own limits, which is wider than it need be.
    """
    value = float(np.mean([e.value for e in estimates]))
    draws = np.mean([e.draws for e in estimates if e.draws is not None], axis=0)
    low, high = interval(draws)
    if low == high:
        low, high = (float(np.mean([getattr(e, end) for e in estimates])) for end in ("low", "high"))
    return IntervalEstimate(value, min(low, value), max(high, value), sum(e.images for e in estimates), draws)


def spearman(x: Scores, y: Scores, groups: NDArray[np.str_] | None = None, key: int = 1) -> IntervalEstimate:
    """Rank correlation, ties at their mean rank.

    Percentile bootstrap over images; over whole groups where they are given: images of one domain resemble each other, so the
    interval over images is too narrow for a new domain. Resamples in which either side is constant are left out; NaN where
    the data itself is.
    """
    if groups is None:
        drawn = counts(len(x), key)
    else:
        names, owner = np.unique(groups, return_inverse=True)
        drawn = counts(len(names), key)[:, owner]
    draws = _rank_correlations(x, y, drawn)
    draws = draws[np.isfinite(draws)]
    value = float(_rank_correlations(x, y, np.ones((1, len(x))))[0])
    low, high = interval(draws) if len(draws) else (-1.0, 1.0)
    return IntervalEstimate(value, low, high, len(x), draws)


def _rank_correlations(x: Scores, y: Scores, drawn: Scores) -> Scores:
    """(B,) rank correlations where image i is there `drawn[:, i]` times; NaN where a side is constant."""
    a, b = (_ranks(side, drawn) - (drawn.sum(1, keepdims=True) + 1) / 2 for side in (x, y))
    scale = np.sqrt((drawn * a * a).sum(1) * (drawn * b * b).sum(1))
    with np.errstate(invalid="ignore"):
        found: Scores = np.where(scale > 0, (drawn * a * b).sum(1), np.nan) / scale
    return found


def _ranks(values: Scores, drawn: Scores) -> Scores:
    """(B, n) mean ranks of `values`, image i counted `drawn[:, i]` times."""
    order = np.argsort(values, kind="stable")
    distinct, place = np.unique(values, return_inverse=True)
    starts = np.searchsorted(values[order], distinct)
    at_value = np.add.reduceat(drawn[:, order], starts, axis=1)
    ranks: Scores = (np.cumsum(at_value, axis=1) - (at_value - 1) / 2)[:, place]
    return ranks
