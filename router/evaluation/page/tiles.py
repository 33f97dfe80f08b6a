"""Where the worst square of a decoding lies, by the MS-SSIM of `router.evaluation.ms_ssim_tiles`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.evaluation import ms_ssim_tiles as tiles
from router.evaluation.curves import decibels


@dataclass(frozen=True)
class Square:
    """px in the image: a square, or less at the right and the bottom."""

    left: int
    top: int
    width: int
    height: int


class TileMap(tiles.TiledMsSsim):
    """One source image, ready to say where decodings are worst."""

    def decibels(self, candidate: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(squares down, squares across) of -10 log10(1 - MS-SSIM), at most 60. `candidate`: (H, W, C), the source's shape."""
        rows, columns = self._starts()
        squares = []
        for level, (scale, pixels) in enumerate(zip(self._scales, tiles._pyramid(candidate), strict=True)):
            map_ = tiles._structure(scale, pixels, luminance=level == len(self._scales) - 1)
            squares.append(tiles._means(map_, [start >> level for start in rows], [start >> level for start in columns]))
        return decibels(tiles._combined(np.stack(squares)))

    def square(self, row: int, column: int) -> Square:
        """The square of a cell of `decibels`."""
        rows, columns = ([*starts, side] for starts, side in zip(self._starts(), self._size, strict=True))
        left, top = columns[column], rows[row]
        return Square(left, top, columns[column + 1] - left, rows[row + 1] - top)

    def _starts(self) -> tuple[list[int], list[int]]:
        down, across = (list(range(0, max(1, side - tiles.TILE // 2), tiles.TILE)) for side in self._size)
        return down, across
