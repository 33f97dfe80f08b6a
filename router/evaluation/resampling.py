"""Percentile bootstrap over images, with one set of resamples a number of images, so that figures of one table go together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
_TAILS = (0.025, 0.975)

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval (None where there is none, as with one image), and how many images it stands on."""

    value: float | None
    low: float | None
    high: float | None
    images: int


def mean(values: Values) -> Estimate:
    """Of the finite values, with the interval of their mean."""
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return Estimate(None, None, None, 0)
    return Estimate(float(known.mean()), *_interval(counts(len(known)) @ known / len(known)), len(known))


def ratio(above: Values, below: Values) -> Estimate:
    """Sum over sum, of the images that have both as finite and positive numbers; images are drawn, not their halves."""
    a, b = np.asarray(above, np.float64), np.asarray(below, np.float64)
    both = np.isfinite(a) & np.isfinite(b) & (b > 0)
    a, b = a[both], b[both]
    if not len(a):
        return Estimate(None, None, None, 0)
    drawn = counts(len(a))
    return Estimate(float(a.sum() / b.sum()), *_interval((drawn @ a) / (drawn @ b)), len(a))


@lru_cache(maxsize=16)  # 8 kB an image each
def counts(images: int, key: int = 0) -> Values:
    """(RESAMPLES, images): how often each image was drawn, with replacement; the same for the same arguments."""
    drawn = np.random.default_rng([key, images]).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    return drawn.astype(np.float64)


def interval(draws: Values) -> tuple[float, float]:
    """Of bootstrap values, 95 %."""
    low, high = np.quantile(draws, _TAILS)
    return float(low), float(high)


def _interval(draws: Values) -> tuple[float | None, float | None]:
    return interval(draws) if len(np.unique(draws[:50])) > 1 or np.ptp(draws) > 0 else (None, None)
