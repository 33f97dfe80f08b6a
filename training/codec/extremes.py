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


def _gray(values: NDArray[np.int_]) -> NDArray[np.uint8]:
    return np.repeat((255 * values).astype(np.uint8)[..., None], 3, 2)
