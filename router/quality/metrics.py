"""Full-reference metrics on image pixels of any mode: alpha composited, gray widened, 16 bit only where it makes sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.errors import UsageError
from router.images.sample import Pixels
from router.quality.msssim import ms_ssim
from router.quality.ssimulacra2 import Reference
from router.quality.target import MetricName
from router.reasons import ReasonCode

Scorer = Callable[[Pixels], float]

PSNR_MAX = 100.0
"""Score of identical images, in dB: the top of what a target may ask for, since records cannot hold infinity."""

_BACKGROUNDS = (26, 230)
"""Dark and light gray, 0.1 and 0.9: the worse of the two counts, as in the `ssimulacra2` package."""


def psnr(reference: Pixels, candidate: Pixels) -> float:
    """Peak signal-to-noise ratio in dB over all channels of equal-shaped arrays; infinity when identical."""
    peak = float(np.iinfo(reference.dtype).max)
    error = np.mean(np.square(reference.astype(np.float64) - candidate.astype(np.float64)))
    return float("inf") if error == 0 else float(10 * np.log10(peak * peak / error))


def scorer(metric: MetricName, reference: Pixels) -> Scorer:
    """A function that scores candidates (same shape and dtype) against `reference`, (H, W, C) uint8 or uint16.

    Work on the reference is done once. Transparent images are composited on dark and on light gray and the worse score counts.
    Raises UsageError for a metric that measures size, and for perceptual metrics on 16-bit images.
    """
    if metric == "psnr":
        return lambda candidate: min(psnr(reference, candidate), PSNR_MAX)
    if metric not in ("ssimulacra2", "ms-ssim"):
        raise UsageError(f"{metric} does not compare images", code=ReasonCode.BAD_ARGUMENT)
    if reference.dtype != np.uint8:
        raise UsageError(f"{metric} is defined for 8-bit images", code=ReasonCode.DEPTH_NOT_SUPPORTED, hint="Use psnr for 16 bit")
    views = _views(reference)
    if metric == "ssimulacra2":
        references = [Reference(view) for view in views]
        return lambda candidate: min(r.score(v) for r, v in zip(references, _views(candidate), strict=True))
    return lambda candidate: min(ms_ssim(a, b) for a, b in zip(views, _views(candidate), strict=True))


def _views(pixels: Pixels) -> list[NDArray[np.uint8]]:
    """The image as (H, W, 3) uint8, once, or once per background when it has alpha."""
    colour = pixels[..., : 3 if pixels.shape[2] > 2 else 1]
    rgb: NDArray[Any] = np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour
    if pixels.shape[2] not in (2, 4):
        return [rgb.astype(np.uint8, copy=False)]
    alpha = pixels[..., -1:].astype(np.float32) / 255
    return [np.rint(rgb * alpha + background * (1 - alpha)).astype(np.uint8) for background in _BACKGROUNDS]
