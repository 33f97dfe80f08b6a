"""A picture of what lies at the ends of the range.

Nothing that is decoded later should be far outside of what it sends through a network. Integers whose bounds know
photographs only are clipped elsewhere, and lose whole levels there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CELL = 64
_COLOURS = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255))
_PERIODS = (1, 2, 4, 8, 16)


def extremes() -> NDArray[np.uint8]:
    """(256, 320, 3): the corners of the colour cube, black and white stripes of all periods either way, black and white noise."""
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.arange(_CELL)[None], (_CELL, _CELL))
    stripes = [_gray(ramp // period % 2) for period in _PERIODS]
    noise = [_gray(rng.integers(0, 2, (_CELL, _CELL))), (255 * rng.integers(0, 2, (_CELL, _CELL, 3))).astype(np.uint8)]
    flat = [np.full((_CELL, _CELL, 3), colour, np.uint8) for colour in _COLOURS]
    cells = [*flat, *stripes, *(one.transpose(1, 0, 2) for one in stripes), *noise]
    return np.concatenate([np.concatenate(cells[first : first + 5], 1) for first in range(0, 20, 5)])


def extreme_crop(rng: np.random.Generator, side: int) -> NDArray[np.uint8]:
    """(side, side, 3): cells of a random size, each flat, striped or noise, in two random colours or at the ends of the range."""
    cell = int(2 ** rng.integers(3, 9))
    y, x = np.mgrid[:side, :side]
    out = np.empty((side, side, 3), np.uint8)
    for top in range(0, side, cell):
        for left in range(0, side, cell):
            part = slice(top, top + cell), slice(left, left + cell)
            shape = x[part].shape
            period = int(2 ** rng.integers(0, 5))
            first = (
                np.zeros(shape, bool),
                x[part] // period % 2 == 0,
                y[part] // period % 2 == 0,
                rng.random(shape) < rng.random(),
            )[int(rng.integers(4))]
            ends = rng.integers(0, 2, (2, 3)) * 255 if rng.random() < 0.5 else rng.integers(0, 256, (2, 3))
            out[part] = np.where(first[..., None], ends[0], ends[1])
    return out


def _gray(values: NDArray[np.int_]) -> NDArray[np.uint8]:
    return np.repeat((255 * values).astype(np.uint8)[..., None], 3, 2)
