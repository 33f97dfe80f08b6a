"""Are errors larger beside tile borders? The same pixels are compared with and without a border near them.

The picture is coded a second time without its first half tile of rows and columns, so that borders fall into the middle of
what were tiles: content beside the borders of one coding is inside the tiles of the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.decoder import decode_image
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.ncr import Grid
from router.images.arrays import from_pixels
from router.limits import NO_LIMITS

BAND = 8
"""Pixels on either side of a border that count as beside it."""

_BLOCK = 64


def measure(model: LoadedModel, pixels: NDArray[np.uint8], rate: int, grid: Grid | None = None) -> dict[str, Any] | None:
    """Mean absolute errors, None for an image of one tile; `grid`: another than the codec chooses.

    `at_borders` and `inside`: of this coding. `with_border` and `without`: of the pixels beside the borders of one of both
    codings only, in that coding and in the other; `uncertainty`: one standard error of the ratio of these two, over blocks of
    64 x 64 px.
    """
    first = _Coding(model, pixels, rate, grid)
    if first.tiles == 1:
        return None
    down, right = first.grid.tile_height // 2, first.grid.tile_width // 2
    second = _Coding(model, pixels[down:, right:], rate, first.grid)
    here, there = first.error[down:, right:], second.error
    beside_here, beside_there = first.beside[down:, right:], second.beside
    with_border = np.where(beside_here, here, there)
    without = np.where(beside_here, there, here)
    one_only = beside_here ^ beside_there
    near, far = _mean(with_border, one_only), _mean(without, one_only)
    at_borders, inside = _mean(first.error, first.beside), _mean(first.error, ~first.beside)
    return {
        "tiles": first.tiles,
        "at_borders": at_borders,
        "inside": inside,
        "borders_to_inside": at_borders / inside,
        "with_border": near,
        "without": far,
        "with_to_without": near / far,
        "uncertainty": _standard_error(with_border - without, one_only) / far,
    }


class _Coding:
    """Errors of one coding (H, W), mean over channels, and which pixels are beside a border between tiles."""

    def __init__(self, model: LoadedModel, pixels: NDArray[np.uint8], rate: int, grid: Grid | None) -> None:
        encoder = ImageEncoder(model, from_pixels(pixels), grid)
        file = container.parse(encoder.write(encoder.analyse(), rate), NO_LIMITS)
        self.tiles, self.grid = len(file.tiles), file.grid
        decoded = decode_image(file, model).pixels
        self.error = np.abs(decoded.astype(np.int16) - pixels).mean(axis=2, dtype=np.float32)
        rows, columns = (_beside(n, t) for n, t in zip(pixels.shape, (file.grid.tile_height, file.grid.tile_width), strict=False))
        self.beside = rows[:, None] | columns[None]


def _beside(side: int, tile: int) -> NDArray[np.bool_]:
    """Which of `side` places are within BAND of a border; the image's own edges are none."""
    found = np.zeros(side, np.bool_)
    for border in range(tile, side, tile):
        found[border - BAND : border + BAND] = True
    return found


def _mean(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean(dtype=np.float64))


def _standard_error(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    """The standard error of the mean of `values`, whose neighbours depend on each other but not blocks."""
    rows, columns = np.nonzero(where)
    block = rows // _BLOCK * (values.shape[1] // _BLOCK + 1) + columns // _BLOCK
    counts = np.bincount(block)
    residuals = np.bincount(block, values[where] - values[where].mean(dtype=np.float64))[counts > 0]
    return float(np.sqrt(np.square(residuals).sum()) / counts.sum())
