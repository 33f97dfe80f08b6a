"""Pixels as planes that the measurements work on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels

Plane = NDArray[np.float32]
"""(H, W) or (H, W, 3), 8-bit steps."""

TILE = 64
"""Side of a tile, in px: the unit that limits are about and that records name."""


def visible(pixels: Pixels) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of any (H, W, C) image: gray repeated, 16 bits cut to 8; colour under alpha zero is not seen, hence 0."""
    shown: NDArray[Any] = pixels if pixels.shape[2] not in (2, 4) else np.where(pixels[..., -1:] > 0, pixels[..., :-1], 0)
    shown = (shown >> 8 if shown.dtype == np.uint16 else shown).astype(np.uint8, copy=False)
    return np.ascontiguousarray(np.repeat(shown, 3, axis=2) if shown.shape[2] == 1 else shown)


def whole_tiles(length: int) -> int:
    """`length` rounded up to whole tiles."""
    return -(-length // TILE) * TILE


def window_of(pixels: Pixels, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """`visible` of a window of an image that is continued to whole tiles.

    It is mirrored at the right and the bottom, so that a block of which one column is real is about what lies beside it,
    and not about that one column, many times over.

    `rows`, `columns`: from a tile or a tile's border on, and at least a tile long where the image is.
    """
    import cv2

    part = visible(pixels[rows, columns])
    short = rows.stop - rows.start - part.shape[0], columns.stop - columns.start - part.shape[1]
    return (
        np.asarray(cv2.copyMakeBorder(part, 0, short[0], 0, short[1], cv2.BORDER_REFLECT_101), np.uint8) if any(short) else part
    )


def block_means(plane: Plane, side: int) -> Plane:
    """Means over `side` x `side` px blocks; the plane has whole blocks."""
    import cv2

    size = (plane.shape[1] // side, plane.shape[0] // side)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def block_maxima(plane: Plane, side: int) -> Plane:
    """Largest values in `side` x `side` blocks of an (H, W) plane; the plane has whole blocks."""
    rows, columns = plane.shape[0] // side, plane.shape[1] // side
    across = plane.reshape(rows, side, plane.shape[1]).max(1)  # in two steps: several times as fast as max((1, 3))
    return np.asarray(across.reshape(rows, columns, side).max(2))
