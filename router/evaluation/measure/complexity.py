"""How complex an image looks to rules that know nothing of codecs: what the baseline `complexity-rule` decides by.

Two readings of the word, both of 8-bit luma. imgproxy does not publish its measure; it stands on libvips, whose `hist_entropy`
gives bits from 0 to 8, a scale on which its default threshold of 5.5 makes sense. The mean gradient is another reading, so that
the rule is not judged by one guess.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from router.evaluation.measure import fingerprint
from router.evaluation.measure.cache import PointCache, key_of
from router.images.sample import ImageSample, Pixels


@dataclass(frozen=True)
class Complexity:
    """`entropy` of the histogram of luma in bits (0 to 8), mean Sobel `gradient` in levels a pixel, CPU `complexity_seconds`."""

    entropy: float
    gradient: float
    complexity_seconds: float


def complexity(sample: ImageSample, cache: PointCache) -> Complexity:
    """The complexity of an image as `pictures.open_picture` gives it; taken from the image's cache where it is there.

    Alpha is left out, 16 bits are rounded to 8.
    """
    key = key_of("complexity", fingerprint.code(Path(__file__)))
    known = cache.get(key)
    if not known:
        pixels = sample.pixels[..., : 3 if sample.channels > 2 else 1]
        began = time.process_time()
        entropy, gradient = of_luma(_eight_bits(pixels))
        known = asdict(Complexity(entropy, gradient, round(time.process_time() - began, 5)))
        cache.add(key, known)
    return Complexity(**known)


def _eight_bits(pixels: Pixels) -> NDArray[np.uint8]:
    return np.round(pixels / 257.0).astype(np.uint8) if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)


def of_luma(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Entropy and gradient, see `Complexity`, of (H, W, 1 or 3) uint8."""
    luma = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY) if pixels.shape[2] == 3 else pixels[..., 0].copy()
    shares = np.bincount(luma.ravel(), minlength=256) / luma.size
    shares = shares[shares > 0]
    slopes = [cv2.Sobel(luma, cv2.CV_32F, *axes, scale=1 / 4) for axes in ((1, 0), (0, 1))]
    return max(0.0, float(-(shares * np.log2(shares)).sum())), float(np.hypot(*slopes).mean())
