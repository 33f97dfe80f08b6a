"""Which tiles the level `fast` looks at: chosen from the source alone, never from the result that is to be judged."""

from __future__ import annotations

import numpy as np

from router.images.sample import Pixels
from router.quality.guard.measure import Window
from router.quality.guard.planes import TILE, Plane, block_maxima, block_means, visible

SIDE = 2
"""Side of a window, in tiles."""
WINDOWS = 12
"""Most windows: 48 tiles, 0.2 MP."""
_GRID = 2
"""Rows and columns of the even grid that comes first, wherever the structure is."""
_BLOCK = 8
SMALL = 800_000
"""Pixels up to which all tiles are looked at: windows with their surroundings would cost as much."""


def windows(source: Pixels) -> list[Window] | None:
    """At most WINDOWS windows of an (H, W, C) image, or None where looking everywhere costs no more.

    First an even grid, then where single strong responses stand in quiet surroundings: thin lines, small marks, stars, the
    edge of something on a plain ground. Deterministic.
    """
    if source.shape[0] * source.shape[1] <= SMALL:
        return None
    side = TILE * SIDE
    energy = np.concatenate([_energy(source, top) for top in range(0, source.shape[0], side)])
    delicate = block_maxima(energy, side // _BLOCK) / (1 + block_means(energy, side // _BLOCK))
    rows, columns = delicate.shape
    places = {(_even(rows, k), _even(columns, m)): None for k in range(_GRID) for m in range(_GRID)}
    for index in np.argsort(-delicate, axis=None, kind="stable")[:WINDOWS]:
        if len(places) < WINDOWS:
            places.setdefault((int(index) // columns, int(index) % columns))
    last = (-(-source.shape[0] // TILE), -(-source.shape[1] // TILE))
    return [(r * SIDE, c * SIDE, min((r + 1) * SIDE, last[0]), min((c + 1) * SIDE, last[1])) for r, c in places]


def _energy(source: Pixels, top: int) -> Plane:
    """Mean size of the Laplacian in blocks, of one row of windows; the image's last row and column go on beyond it."""
    import cv2

    side = TILE * SIDE
    height, width = source.shape[:2]
    above = 1 if top else 0
    rows = slice(top - above, min(top + side + 1, height))
    gray = cv2.cvtColor(visible(source[rows]), cv2.COLOR_RGB2GRAY)
    below = max(0, top + side - height)
    gray = cv2.copyMakeBorder(gray, 0, below, 0, -width % side, cv2.BORDER_REPLICATE)
    change = np.abs(np.asarray(cv2.Laplacian(gray, cv2.CV_16S))).astype(np.float32)
    return block_means(change[above : above + side], _BLOCK)


def _even(length: int, index: int) -> int:
    return (2 * index + 1) * length // (2 * _GRID)
