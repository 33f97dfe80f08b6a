"""Values of whole tiles: likeness and colour."""

from __future__ import annotations

import numpy as np

from router.quality.guard.planes import TILE, Plane, block_maxima, block_means

_WINDOW = 8
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_COLOUR_BLOCK = 32
_COLOUR_FLOOR, _VARIETY, _SATURATION = 1.0, 0.25, 0.05
_YCC = np.array([[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]], np.float32)
"""BT.601 luma and colour differences."""


def unlikeness(source: Plane, decoded: Plane) -> Plane:
    """1 - SSIM (Wang et al. 2004, on luma, in 8 px windows side by side), mean of each tile."""
    mean_s, mean_d = block_means(source, _WINDOW), block_means(decoded, _WINDOW)
    squares = mean_s * mean_s + mean_d * mean_d
    variances = block_means(source * source, _WINDOW) + block_means(decoded * decoded, _WINDOW) - squares
    covariance = block_means(source * decoded, _WINDOW) - mean_s * mean_d
    ssim = (2 * covariance + _C2) / (variances + _C2)
    ssim *= (2 * mean_s * mean_d + _C1) / (squares + _C1)
    return 1 - block_means(ssim, TILE // _WINDOW)


def cast(source: Plane, decoded: Plane) -> Plane:
    """Per tile, the largest shift of a 32 px block's mean luma or colour difference, of (H, W, 3) planes.

    Over what hides it: the block's own variety in that channel and its saturation. In a gray source nothing hides a tint.
    """
    import cv2

    s, d = (np.asarray(cv2.transform(block_means(plane, _WINDOW), _YCC), np.float32) for plane in (source, decoded))
    side = _COLOUR_BLOCK // _WINDOW
    mean_s, mean_d = block_means(s, side), block_means(d, side)
    variety = np.sqrt(np.maximum(block_means(s * s, side) - mean_s * mean_s, 0))
    saturation = np.abs(mean_s[..., 1:]).max(2, keepdims=True)
    shift = np.abs(mean_s - mean_d) / (_COLOUR_FLOOR + _VARIETY * variety + _SATURATION * saturation)
    return block_maxima(shift.max(2), TILE // _COLOUR_BLOCK)
