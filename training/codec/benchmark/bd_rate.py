"""Bjontegaard delta rate between rate-distortion curves, and its mean over images with an interval.

A curve is an (n, 2) float64 array: bytes (or bits per pixel), and quality on a rising scale. Akima interpolation of the
logarithm of the rate over the quality range that both curves have (package `bjontegaard`; G. Bjontegaard, VCEG-M33, 2001;
C. Herglotz and others, "Beyond Bjontegaard", 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator
from scipy.stats import bootstrap

Curve = NDArray[np.float64]

RESAMPLES = 10_000
_SAMPLES = 200


def rising(curve: Curve) -> Curve:
    """Points in order of rate without those that a cheaper one equals or beats: interpolation needs monotone curves."""
    kept: list[Curve] = []
    for point in curve[np.lexsort((-curve[:, 1], curve[:, 0]))]:
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return np.array(kept)


def envelope(curves: Sequence[Curve]) -> Curve:
    """The lower envelope: at each quality the lowest rate that any of the interpolated curves reaches it with.

    Sampled densely, so that it is nowhere above one of the curves; the front of their points alone would be.
    """
    if len(curves) == 1:
        return rising(curves[0])
    clean = [rising(curve) for curve in curves]
    quality = np.unique(np.concatenate([np.linspace(c[0, 1], c[-1, 1], _SAMPLES) for c in clean] + [c[:, 1] for c in clean]))
    log_rate = np.min([_log_rate(curve, quality) for curve in clean], axis=0)
    return rising(np.stack([np.exp(log_rate), quality], axis=1))


def bd_rate(anchor: Curve, test: Curve) -> float:
    """How many per cent more bytes `test` takes than `anchor` at equal quality; NaN where no quality is common to both."""
    import bjontegaard

    a, b = rising(anchor), rising(test)
    if min(len(a), len(b)) < 2 or overlap(a, b) <= 0:
        return float("nan")
    return float(
        bjontegaard.bd_rate(a[:, 0], a[:, 1], b[:, 0], b[:, 1], method="akima", require_matching_points=False, min_overlap=0)
    )


def overlap(anchor: Curve, test: Curve) -> float:
    """Share of `test`'s quality range that `anchor` has too, 0 to 1."""
    low, high = max(anchor[:, 1].min(), test[:, 1].min()), min(anchor[:, 1].max(), test[:, 1].max())
    return float(max(high - low, 0) / np.ptp(test[:, 1])) if np.ptp(test[:, 1]) > 0 else 0.0


def summary(per_image: Mapping[str, float]) -> dict[str, Any]:
    """Mean over the images that have a common range, and its 95 % interval: percentile bootstrap over these images.

    Keys: mean, low, high (None under two images), median, images (with a range), no_overlap (without), per_image (None without).
    """
    values = np.array([v for v in per_image.values() if np.isfinite(v)])
    low, high = _interval(values)
    return {
        "mean": float(values.mean()) if len(values) else None,
        "low": low,
        "high": high,
        "median": float(np.median(values)) if len(values) else None,
        "images": len(values),
        "no_overlap": len(per_image) - len(values),
        "per_image": {image: float(v) if np.isfinite(v) else None for image, v in per_image.items()},
    }


def _interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    if len(values) < 2:
        return None, None
    found = bootstrap((values,), np.mean, n_resamples=RESAMPLES, method="percentile", rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _log_rate(curve: Curve, quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolated logarithm of the rate; infinity outside the curve's range. The same interpolation as `bd_rate`'s."""
    inside = (quality >= curve[0, 1]) & (quality <= curve[-1, 1])
    log_rate = np.log(curve[:, 0])
    if len(curve) > 2:
        values = Akima1DInterpolator(curve[:, 1], log_rate)(np.clip(quality, curve[0, 1], curve[-1, 1]))
    else:
        values = np.interp(quality, curve[:, 1], log_rate)
    return np.where(inside, values, np.inf)
