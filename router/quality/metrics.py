"""Full-reference metrics on image pixels of any mode: alpha composited, gray widened, 16 bit only where it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import UsageError
from router.images.sample import Pixels
from router.quality.msssim import ms_ssim
from router.quality.ssimulacra2 import Reference, View
from router.quality.target import MetricName
from router.reasons import ReasonCode

Scorer = Callable[[Pixels], float]

PSNR_MAX = 100.0
"""Score of identical images, in dB: the top of what a target may ask for, since records cannot hold infinity."""

_BAND = 64
"""Rows that are looked at together."""
_BACKGROUNDS = (26, 230)
"""Dark and light gray, 0.1 and 0.9: the worse of the two counts, as in the `ssimulacra2` package."""


def psnr(reference: Pixels, candidate: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels of equal-shaped arrays; infinity when identical."""
    peak = float(np.iinfo(reference.dtype).max)
    squares = 0.0
    for top in range(0, reference.shape[0], _BAND):
        rows = slice(top, top + _BAND)
        squares += float(np.square(reference[rows].astype(np.float64) - candidate[rows]).sum())
    error = squares / reference.size
    return float("inf") if error == 0 else float(10 * np.log10(peak * peak / error))


def scorer(metric: MetricName, reference: Pixels) -> Scorer:
    """A function that scores candidates (same shape and dtype) against `reference`, (H, W, C) uint8 or uint16.

    Transparent images are composited on dark and on light gray and the worse score counts.
    Raises UsageError for a metric that measures size, and for perceptual metrics on 16-bit images.
    """
    if metric == "psnr":
        return lambda candidate: min(psnr(reference, candidate), PSNR_MAX)
    if metric not in ("ssimulacra2", "ms-ssim"):
        raise UsageError(f"{metric} does not compare images", code=ReasonCode.BAD_ARGUMENT)
    if reference.dtype != np.uint8:
        raise UsageError(f"{metric} is defined for 8-bit images", code=ReasonCode.DEPTH_NOT_SUPPORTED, hint="Use psnr for 16 bit")
    views = _views(reference.shape[2])
    if metric == "ssimulacra2":
        references = [Reference(reference, view) for view in views]
        return lambda candidate: min(r.score(candidate) for r in references)
    return lambda candidate: min(ms_ssim(reference, candidate, view) for view in views)


def _views(channels: int) -> list[View | None]:
    """What makes (h, w, 3) uint8 of a part of an image: one, or one per background where there is alpha."""
    if channels in (2, 4):
        return [partial(_composited, background=background) for background in _BACKGROUNDS]
    return [None if channels == 3 else _as_rgb]


def _as_rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _composited(pixels: NDArray[Any], background: int) -> NDArray[np.uint8]:
    alpha = pixels[..., -1:].astype(np.float32) / 255
    return np.rint(_as_rgb(pixels[..., :-1]) * alpha + background * (1 - alpha)).astype(np.uint8)
