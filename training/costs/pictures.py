"""Photographs of any size: mosaics of many, so that a large one is as varied as those that it is made of."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.images.arrays import from_pixels
from router.images.read import read
from router.images.sample import ImageSample

CELL = (384, 512)
"""Height and width of a mosaic's cell in px; a smaller photograph is continued by reflection."""


class PhotographFolder:
    """The 8-bit RGB images below a folder, in an order that is shuffled once and for all."""

    def __init__(self, folder: Path) -> None:
        """Raises FileNotFoundError where there are none."""
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        self._files = [files[i] for i in np.random.default_rng(0).permutation(len(files))]
        self._cell = lru_cache(maxsize=128)(_cell)
        self._files = [f for f in self._files if f.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
        if not self._files:
            raise FileNotFoundError(f"no photographs in {folder}")

    def mosaic(self, megapixels: float, number: int) -> ImageSample:
        """RGB (H, W, 3) uint8, 4:3, of `megapixels`; different photographs for every `number`, as far as there are enough."""
        height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
        width = round(height * 4 / 3)
        rows, columns = math.ceil(height / CELL[0]), math.ceil(width / CELL[1])
        first = number * rows * columns
        cells = [self._cell(self._files[(first + i) % len(self._files)]) for i in range(rows * columns)]
        bands = [np.concatenate(cells[r * columns : (r + 1) * columns], axis=1) for r in range(rows)]
        return from_pixels(np.ascontiguousarray(np.concatenate(bands)[:height, :width]))


def _cell(file: Path) -> NDArray[np.uint8]:
    pixels = read(file).pixels
    colour = np.repeat(pixels[..., :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[..., :3]
    eight = colour if colour.dtype == np.uint8 else (colour >> 8).astype(np.uint8)
    pads = [(0, max(0, n - have)) for n, have in zip(CELL, eight.shape, strict=False)]
    whole = np.pad(eight, (*pads, (0, 0)), mode="symmetric")
    return whole[: CELL[0], : CELL[1]]
