"""Alpha that colours were multiplied with."""

from __future__ import annotations

import numpy as np

from router.images.sample import Pixels

_ROWS = 256


def straight(pixels: Pixels) -> Pixels:
    """(H, W, C) pixels of any unsigned type whose last channel is an alpha that the others were multiplied with, made straight.

    Rounded to the nearest, so that multiplying again gives the stored values. Colours above their alpha say more light than a
    straight pixel can: they become the largest value. Nothing is known of the colour under an alpha of 0; it stays.
    """
    top = np.iinfo(pixels.dtype).max
    result = pixels.copy()
    for start in range(0, len(pixels), _ROWS):
        part = pixels[start : start + _ROWS].astype(np.uint64)
        alpha = part[..., -1:]
        colours = np.minimum((part[..., :-1] * (2 * top) + alpha) // np.maximum(2 * alpha, 1), top)
        result[start : start + _ROWS, :, :-1] = np.where(alpha == 0, part[..., :-1], colours)
    return result
