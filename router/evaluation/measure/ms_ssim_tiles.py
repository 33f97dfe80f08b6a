"""MS-SSIM of a whole image and of its worst square, in one pass, with the source's share computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.quality.msssim import _C1, _C2, _POWERS, _TAPS, Plane, _blur, _halve

TILE = 128
"""Side of the squares in px of the full image; an eighth to a twentieth of it is what the coarsest scale looks at at once."""


@dataclass(frozen=True)
class _Scale:
    """What the source contributes at one scale."""

    pixels: Plane
    mean: Plane
    variance: Plane


class TiledMsSsim:
    """One source image, ready to score many candidates. The whole image's value is that of `router.quality.msssim.ms_ssim`."""

    def __init__(self, source: NDArray[np.uint8]) -> None:
        """`source`: (H, W, C) uint8."""
        self.size = source.shape[:2]
        self._scales = []
        for pixels in _pyramid(source):
            mean = _blur(pixels)
            self._scales.append(_Scale(pixels, mean, _blur(pixels * pixels) - mean * mean))

    def score(self, candidate: NDArray[np.uint8]) -> tuple[float, float]:
        """(whole, worst square), both in [0, 1], of an image of the source's shape.

        A square's value is formed as the whole image's is, with the means of each scale's maps taken over the part of the map
        whose windows are centred in the square. A rest of less than half a square at the right or bottom joins its neighbour.
        """
        whole, squares = self._values(candidate)
        return whole, float(squares.min())

    def squares(self, candidate: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(squares down, squares across) in [0, 1]: the values of which `score` gives the lowest."""
        return self._values(candidate)[1]

    @property
    def starts(self) -> tuple[list[int], list[int]]:
        """Where squares begin: rows, columns, px."""
        down, across = (list(range(0, max(1, side - TILE // 2), TILE)) for side in self.size)
        return down, across

    def _values(self, candidate: NDArray[np.uint8]) -> tuple[float, NDArray[np.float64]]:
        rows, columns = self.starts
        whole: list[NDArray[np.float64]] = []
        squares: list[NDArray[np.float64]] = []
        for level, (scale, pixels) in enumerate(zip(self._scales, _pyramid(candidate), strict=True)):
            map_ = _structure(scale, pixels, luminance=level == len(self._scales) - 1)
            whole.append(map_.mean((0, 1), dtype=np.float64))
            squares.append(_means(map_, [start >> level for start in rows], [start >> level for start in columns]))
        return float(_combined(np.stack(whole))), _combined(np.stack(squares))


def _pyramid(image: NDArray[np.uint8]) -> list[Plane]:
    short = [max(0, _TAPS - side) for side in image.shape[:2]]
    scales = [np.pad(image, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge").astype(np.float32)]
    while len(scales) < len(_POWERS) and min((side + 1) // 2 for side in scales[-1].shape[:2]) >= _TAPS:
        scales.append(_halve(scales[-1]))
    return list(scales)


def _structure(scale: _Scale, y: Plane, *, luminance: bool) -> Plane:
    """Contrast-structure map, at the coarsest scale times the luminance map."""
    mean = _blur(y)
    product = scale.mean * mean
    found = (2 * (_blur(scale.pixels * y) - product) + _C2) / (scale.variance + _blur(y * y) - mean * mean + _C2)
    if luminance:
        found = found * (2 * product + _C1) / (scale.mean * scale.mean + mean * mean + _C1)
    return np.asarray(found)


def _means(map_: Plane, rows: list[int], columns: list[int]) -> NDArray[np.float64]:
    """(squares down, squares across, C). The map lacks a margin of half a window, so that starts move by it."""
    starts = []
    for length, edges in zip(map_.shape[:2], (rows, columns), strict=True):
        moved = [min(max(edge - _TAPS // 2, 0), length - 1) for edge in edges]
        starts.append(moved)
    sums = np.add.reduceat(np.add.reduceat(map_.astype(np.float64), starts[0], 0), starts[1], 1)
    heights, widths = (np.maximum(np.diff([*moved, length]), 1) for moved, length in zip(starts, map_.shape[:2], strict=True))
    return np.asarray(sums / (heights[:, None] * widths)[..., None])


def _combined(values: NDArray[Any]) -> NDArray[np.float64]:
    """From (scales, ..., C) means to (...): weighted product over scales, mean over channels."""
    powers = np.array(_POWERS[: len(values)])
    powers = (powers / powers.sum()).reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray(np.prod(np.maximum(values, 0.0) ** powers, axis=0).mean(axis=-1))
