"""Scales on which curves are smooth and errors alike: what the search model is fitted on, and what the search reads off."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.quality.target import MetricName

SIZE = "size"
SCALES = ("ssimulacra2", "psnr", "ms-ssim", SIZE)
"""Quality metrics, and size in bytes."""

_KNEE = 10.0
_DEPTH = 30.0

ROUGHNESS_RANGE = {"ssimulacra2": 32.0, "psnr": 8.0, "ms-ssim": 8.0, SIZE: 1.6}
"""How far along a curve, in its own unit, two settings are before what is peculiar to one says nothing of the other."""
LEAST_ROUGHNESS = {"ssimulacra2": 0.3, "psnr": 0.08, "ms-ssim": 0.1, SIZE: 0.01}


def scale_of(metric: MetricName) -> str:
    """Which curve decides about a target on `metric`."""
    return SIZE if metric in ("bpp", "max_bytes") else metric


def to_level(scale: str, value: Any, pixels: int) -> Any:
    """The level of `value` (number or array) on a scale, rising with it. `pixels`: of the image.

    SSIMULACRA2 is drawn together below 10, PSNR stays as it is, MS-SSIM is in dB, and sizes are the logarithm of the bytes
    a pixel.
    """
    value = np.asarray(value, np.float64)
    if scale == "ssimulacra2":
        return np.where(value >= _KNEE, value, _KNEE - _DEPTH * np.log1p(np.maximum(_KNEE - value, 0) / _DEPTH))
    if scale == "ms-ssim":
        return -10 * np.log10(np.maximum(1 - value, 0) + 1e-6)
    return np.log(np.maximum(value, 1) / pixels) if scale == SIZE else value


def window(scale: str, low: float, high: float, pixels: int) -> tuple[float, float]:
    """Both ends on the level's scale."""
    ends: NDArray[np.float64] = to_level(scale, [low, high], pixels)
    return float(ends[0]), float(ends[1])
