"""MS-SSIM (Wang, Simoncelli, Bovik, Asilomar 2003) and a single-scale SSIM map, on 8-bit images with OpenCV filters.

Five scales, 11-tap Gaussian of sigma 1.5 without padding, mean over colour channels; agrees with `pytorch-msssim` within 1e-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.quality.tiles import tile_means

Plane = NDArray[np.floating[Any]]
"""Computed in float32."""

_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_TAPS = 11
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_KERNEL = np.exp(-((np.arange(_TAPS) - _TAPS // 2) ** 2) / (2 * 1.5**2))
_KERNEL = _KERNEL / _KERNEL.sum()


def ms_ssim(reference: NDArray[np.uint8], candidate: NDArray[np.uint8]) -> float:
    """Score in [0, 1] of two (H, W, C) uint8 images.

    Below 176 px a side the coarsest scales do not exist: their powers are left out and the others rescaled to sum to one.
    Below 11 px a side the image is padded by its edge.
    """
    short = [max(0, _TAPS - side) for side in reference.shape[:2]]
    pad = ((0, short[0]), (0, short[1]), (0, 0))
    x = np.pad(reference, pad, mode="edge").astype(np.float32)
    y = np.pad(candidate, pad, mode="edge").astype(np.float32)
    per_scale: list[NDArray[np.float64]] = []
    while True:
        luminance, structure = _maps(x, y)
        last = len(per_scale) == len(_POWERS) - 1 or min((side + 1) // 2 for side in x.shape[:2]) < _TAPS
        per_scale.append(((luminance * structure) if last else structure).mean((0, 1), dtype=np.float64))
        if last:
            break
        x, y = _halve(x), _halve(y)
    powers = np.array(_POWERS[: len(per_scale)])
    powers = powers / powers.sum()
    values = np.maximum(np.stack(per_scale), 0.0)
    return float(np.prod(values ** powers[:, None], axis=0).mean())


def worst_tile_ssim(reference: NDArray[np.uint8], candidate: NDArray[np.uint8], tile: int = 64) -> float:
    """Lowest mean SSIM over `tile` x `tile` px squares of the luma of two (H, W, C) uint8 images."""
    x, y = luma(reference), luma(candidate)
    short = [max(0, _TAPS - side) for side in x.shape]
    pad = ((0, short[0]), (0, short[1]))
    luminance, structure = _maps(np.pad(x, pad, mode="edge")[..., None], np.pad(y, pad, mode="edge")[..., None])
    return float(tile_means(luminance * structure, tile).min())


def luma(image: NDArray[np.uint8]) -> Plane:
    """BT.601 luma, (H, W) float32 in [0, 255], of an (H, W, 1) or (H, W, 3) image."""
    if image.shape[2] == 1:
        return image[..., 0].astype(np.float32)
    return np.asarray(image @ np.array([0.299, 0.587, 0.114], np.float32))


def _maps(x: Plane, y: Plane) -> tuple[Plane, Plane]:
    """Luminance term and contrast-structure term, valid region only, (h, w, C)."""
    m1, m2 = _blur(x), _blur(y)
    s11, s22, s12 = _blur(x * x) - m1 * m1, _blur(y * y) - m2 * m2, _blur(x * y) - m1 * m2
    structure = (2 * s12 + _C2) / (s11 + s22 + _C2)
    luminance = (2 * m1 * m2 + _C1) / (m1 * m1 + m2 * m2 + _C1)
    return luminance, structure


def _blur(x: Plane) -> Plane:
    import cv2

    blurred = np.asarray(cv2.sepFilter2D(x, cv2.CV_32F, _KERNEL, _KERNEL)).reshape(x.shape)
    margin = _TAPS // 2
    return np.asarray(blurred[margin : x.shape[0] - margin, margin : x.shape[1] - margin], np.float32)


def _halve(x: Plane) -> Plane:
    # An odd side gets a zero row or column in front that counts in the mean, as in the reference implementations.
    odd = (x.shape[0] % 2, x.shape[1] % 2)
    if any(odd):
        x = np.pad(x, ((odd[0], odd[0]), (odd[1], odd[1]), (0, 0)))
        x = x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2]
    return np.asarray((x[0::2, 0::2] + x[1::2, 0::2] + x[0::2, 1::2] + x[1::2, 1::2]) * np.float32(0.25))
