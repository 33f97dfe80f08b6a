"""MS-SSIM (Wang, Simoncelli, Bovik, Asilomar 2003) and a single-scale SSIM map, on 8-bit images with OpenCV filters.

Five scales, 11-tap Gaussian of sigma 1.5 without padding, mean over colour channels; agrees with `pytorch-msssim` within 1e-4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.quality.tiles import tile_means

Plane = NDArray[np.floating[Any]]
"""Computed in float32."""
View = Callable[[NDArray[Any]], NDArray[np.uint8]]
"""Makes (h, w, C') uint8 of (h, w, C) pixels, each by itself."""

_POWERS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_TAPS = 11
_BAND = 1 << 18
"""Pixels of a band, about."""
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_KERNEL = np.exp(-((np.arange(_TAPS) - _TAPS // 2) ** 2) / (2 * 1.5**2))
_KERNEL = _KERNEL / _KERNEL.sum()


def ms_ssim(reference: NDArray[Any], candidate: NDArray[Any], view: View | None = None) -> float:
    """Score in [0, 1] of two (H, W, C) uint8 images; with a `view`, of what it makes of any two images.

    Below 176 px a side the coarsest scales do not exist: their powers are left out and the others rescaled to sum to one.
    Below 11 px a side the image is padded by its edge. In bands of rows: beside the images it holds 8 bytes a pixel.
    """
    short = [max(0, _TAPS - side) for side in reference.shape[:2]]
    x, y = (_Scale(_padded(image, short), view) for image in (reference, candidate))
    per_scale: list[NDArray[np.float64]] = []
    while True:
        last = len(per_scale) == len(_POWERS) - 1 or min((side + 1) // 2 for side in x.size) < _TAPS
        per_scale.append(_mean(x, y, whole=last))
        if last:
            break
        x, y = x.halved(), y.halved()
    powers = np.array(_POWERS[: len(per_scale)])
    powers = powers / powers.sum()
    values = np.maximum(np.stack(per_scale), 0.0)
    return float(np.prod(values ** powers[:, None], axis=0).mean())


class _Scale:
    """An image at one scale, of which a band of rows at a time is looked at."""

    def __init__(self, pixels: NDArray[Any], view: View | None = None) -> None:
        self._pixels = pixels
        self._view = view
        self.size: tuple[int, int] = pixels.shape[:2]
        self.band = max(_TAPS, _BAND // self.size[1])

    def rows(self, start: int, stop: int) -> Plane:
        part = self._pixels[start:stop]
        return np.asarray(part if self._view is None else self._view(part), np.float32)

    def halved(self) -> _Scale:
        """2 x 2 means. An odd side gets a zero row or column in front that counts in them, as in reference implementations."""
        height, width = self.size
        odd = height % 2
        found: Plane | None = None
        for top in range(0, (height + 1) // 2, self.band):
            stop = min(top + self.band, (height + 1) // 2)
            part = self.rows(max(0, 2 * top - odd), 2 * stop - odd)
            part = np.pad(part, ((odd if top == 0 else 0, 0), (width % 2, 0), (0, 0)))
            if found is None:
                found = np.empty(((height + 1) // 2, (width + 1) // 2, part.shape[2]), np.float32)
            found[top:stop] = _halve(part)
        assert found is not None
        return _Scale(found)


def _padded(image: NDArray[Any], short: list[int]) -> NDArray[Any]:
    return np.pad(image, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge") if any(short) else image


def _mean(x: _Scale, y: _Scale, *, whole: bool) -> NDArray[np.float64]:
    """Mean by channel of the contrast-structure term, times the luminance term where the `whole` is asked for."""
    height, width = (side - _TAPS + 1 for side in x.size)
    total: NDArray[np.float64] | float = 0.0
    for top in range(0, height, x.band):
        stop = min(top + x.band, height) + _TAPS - 1
        luminance, structure = _maps(x.rows(top, stop), y.rows(top, stop))
        total = total + ((luminance * structure) if whole else structure).sum((0, 1), dtype=np.float64)
    return np.asarray(total, np.float64) / (height * width)


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
