"""Pictures of any size: photographs side by side, every other one mirrored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router.images.read import read

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}


def size_of(megapixels: float) -> tuple[int, int]:
    """(width, height) of about that many million pixels at 3 to 2; both multiples of 64, so that no contestant has to pad."""
    height = max(1, round(math.sqrt(megapixels * 1e6 / 1.5) / 64)) * 64
    return max(1, round(1.5 * height / 64)) * 64, height


def photographs(folder: Path, limit: int) -> list[NDArray[np.uint8]]:
    """8-bit colour photographs (H, W, 3), `limit` at most, evenly spread over the sorted files. Raises SystemExit if none."""
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    pixels = [read(path).pixels for path in files[:: max(1, len(files) // limit)][:limit]]
    found = [p[..., :3] for p in pixels if p.dtype == np.uint8 and p.shape[2] > 2]
    if not found:
        raise SystemExit(f"{folder} has no 8-bit colour photographs")
    return found


def mosaic(images: list[NDArray[np.uint8]], width: int, height: int) -> NDArray[np.uint8]:
    """(height, width, 3): one photograph cut to size if it is large enough, else the largest cells that all can fill, in turn."""
    rows, columns = (min(p.shape[axis] for p in images) for axis in (0, 1))
    canvas = np.empty((height, width, 3), np.uint8)
    count = 0
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            cell = canvas[top : top + rows, left : left + columns]
            image = images[count % len(images)][: cell.shape[0], : cell.shape[1]]
            turn = count // len(images) + count
            cell[...] = image[:: 1 - 2 * (turn >> 1 & 1), :: 1 - 2 * (turn & 1)]
            count += 1
    return canvas
