"""Figures with 95 % intervals: AUROC, false positive rate at 95 % TPR, shares, false alarms, rank correlation.

Sign: higher scores are further out. Intervals over images come from one set of bootstrap resamples, shared by all figures of a
run, so that means over domains carry the uncertainty of the photographs that all domains are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import betabinom
from sklearn.metrics import roc_auc_score

from router.evaluation.intervals import wilson

RESAMPLES = 2000
LEVEL = 0.95
Z = 1.959963984540054
TPR = 0.95
_TAILS = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)

Scores = NDArray[np.float64]
Picks = NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """A figure, its interval, and the bootstrap values behind it (empty where the interval is not a bootstrap's)."""

    value: float
    low: float
    high: float
    draws: Scores | None = None

    def to_json(self) -> dict[str, float]:
        """Value and interval."""
        return {"value": self.value, "low": self.low, "high": self.high}


def picks(count: int, key: int) -> Picks:
    """(RESAMPLES, count) indices drawn with replacement; the same for the same `count` and `key`."""
    return np.random.default_rng([key, count]).integers(0, count, (RESAMPLES, count))


def line_of(photographs: Scores) -> float:
    """The score that TPR of the photographs do not exceed: what is accepted "at 95 % TPR" lies at or below it."""
    return float(np.quantile(photographs, TPR, method="higher"))


def auroc(photographs: Scores, outside: Scores, key: int = 1) -> Estimate:
    """Chance that an image of `outside` scores higher than a photograph, ties counted half.

    Percentile bootstrap over both sets. Where the two do not overlap at all every resample gives 1 (or 0), and so do the
    variances of DeLong and of Hanley and McNeil; there the interval is the set of values whose own Hanley-McNeil variance
    does not reject what was seen (R. Newcombe, Statistics in Medicine 25, 2006, part 2, method 5).
    """
    labels = np.r_[np.zeros(len(photographs)), np.ones(len(outside))]
    value = float(roc_auc_score(labels, np.r_[photographs, outside]))
    wins = (outside[:, None] > photographs[None]) + 0.5 * (outside[:, None] == photographs[None])
    draws = np.einsum("bi,ij,bj->b", _weights(len(outside), key), wins, _weights(len(photographs), 0), optimize=True)
    draws = np.clip(draws, 0, 1)  # sums of weights round
    if value in (0.0, 1.0):
        return Estimate(value, *_newcombe(value, len(photographs), len(outside)), draws)
    return Estimate(value, *_quantiles(draws), draws)


def fpr95(photographs: Scores, outside: Scores, key: int = 1) -> Estimate:
    """Share of `outside` that is accepted at the line which accepts 95 % of the photographs.

    Percentile bootstrap over both sets, so that the line moves too; Wilson's interval where all resamples agree.
    """
    value = float(np.mean(outside <= line_of(photographs)))
    lines = np.quantile(photographs[picks(len(photographs), 0)], TPR, axis=1, method="higher")
    draws = np.mean(outside[picks(len(outside), key)] <= lines[:, None], axis=1)
    low, high = _quantiles(draws)
    if low == high:
        low, high = wilson(round(value * len(outside)), len(outside))
    return Estimate(value, low, high, draws)


def share(hits: NDArray[np.bool_]) -> Estimate:
    """Share of true values, with Wilson's interval."""
    return Estimate(float(np.mean(hits)), *wilson(int(np.sum(hits)), len(hits)))


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean over domains; the interval resamples images, not domains: another choice of domains would give another mean.

    Where no resample differs it is the mean of the domains' own limits, which is wider than it need be.
    """
    value = float(np.mean([e.value for e in estimates]))
    draws = np.mean([e.draws for e in estimates if e.draws is not None], axis=0)
    low, high = _quantiles(draws)
    if low == high:
        low, high = (float(np.mean([getattr(e, end) for e in estimates])) for end in ("low", "high"))
    return Estimate(value, min(low, value), max(high, value), draws)


def false_alarms_expected(strata: Mapping[tuple[str, int], int], alpha: float) -> tuple[int, int]:
    """Central 95 % interval of the number of false alarms if the images are exchangeable with the calibration's.

    `strata`: (name, calibration scores n) -> images m. Each stratum's number is beta-binomial (router/detector/calibration.py
    `false_alarm_interval`, which this equals for one stratum); their sum is the convolution. Both ends are inclusive.
    """
    mass = np.ones(1)
    for (_, n), m in strata.items():
        a = int(alpha * (n + 1) + 1e-9)
        if a > 0:
            mass = np.convolve(mass, betabinom.pmf(np.arange(m + 1), m, a, n + 1 - a))
    cumulative = np.cumsum(mass)
    low, high = (int(np.searchsorted(cumulative, tail, side="left")) for tail in _TAILS)
    return low, min(high, len(mass) - 1)


def spearman(x: Scores, y: Scores, groups: NDArray[np.str_] | None = None, key: int = 1) -> Estimate:
    """Rank correlation, ties at their mean rank. Percentile bootstrap over images; over whole groups where they are given:
    images of one domain resemble each other, so the interval over images is too narrow for a new domain. Resamples in which
    either side is constant are left out; NaN where the data itself is."""
    if groups is None:
        drawn = _counts(len(x), key)
    else:
        names, owner = np.unique(groups, return_inverse=True)
        drawn = _counts(len(names), key)[:, owner]
    draws = _rank_correlations(x, y, drawn)
    draws = draws[np.isfinite(draws)]
    value = float(_rank_correlations(x, y, np.ones((1, len(x))))[0])
    low, high = _quantiles(draws) if len(draws) else (-1.0, 1.0)
    return Estimate(value, low, high, draws)


def _rank_correlations(x: Scores, y: Scores, counts: Scores) -> Scores:
    """(B,) rank correlations where image i is there `counts[:, i]` times; NaN where a side is constant."""
    a, b = (_ranks(side, counts) - (counts.sum(1, keepdims=True) + 1) / 2 for side in (x, y))
    scale = np.sqrt((counts * a * a).sum(1) * (counts * b * b).sum(1))
    with np.errstate(invalid="ignore"):
        found: Scores = np.where(scale > 0, (counts * a * b).sum(1), np.nan) / scale
    return found


def _ranks(values: Scores, counts: Scores) -> Scores:
    """(B, n) mean ranks of `values`, image i counted `counts[:, i]` times."""
    order = np.argsort(values, kind="stable")
    distinct, place = np.unique(values, return_inverse=True)
    starts = np.searchsorted(values[order], distinct)
    at_value = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks: Scores = (np.cumsum(at_value, axis=1) - (at_value - 1) / 2)[:, place]
    return ranks


def _weights(count: int, key: int) -> Scores:
    """(RESAMPLES, count) weights that sum to 1."""
    return _counts(count, key) / count


def _counts(count: int, key: int) -> Scores:
    """(RESAMPLES, count): how often each of `picks` was drawn."""
    drawn = picks(count, key) + count * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * count).reshape(RESAMPLES, count).astype(np.float64)


def _quantiles(draws: Scores) -> tuple[float, float]:
    low, high = np.quantile(draws, _TAILS)
    return float(low), float(high)


def _newcombe(value: float, m: int, n: int) -> tuple[float, float]:
    mean_size = (m + n) / 2 - 1

    def gap(theta: float) -> float:
        variance = theta * (1 - theta) * (1 + mean_size * ((1 - theta) / (2 - theta) + theta / (1 + theta))) / (m * n)
        return (1 - theta) - Z * variance**0.5

    low = float(
        brentq(gap, 1e-9, 1 - 1e-9)
    )  # 1 at 0, below 0 just under 1: the standard error falls like a root, the gap linearly
    return (low, 1.0) if value == 1 else (0.0, 1 - low)
