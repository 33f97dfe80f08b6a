"""Where the worst square of a decoding lies, by the MS-SSIM of `router.evaluation.measure.ms_ssim_tiles`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.evaluation.comparison.curves import decibels
from router.evaluation.measure.ms_ssim_tiles import TiledMsSsim


@dataclass(frozen=True)
class Square:
    """px in the image: a square, or less at the right and the bottom."""

    left: int
    top: int
    width: int
    height: int


class TileMap:
    """One source image, ready to say where decodings are worst."""

    def __init__(self, source: NDArray[np.uint8]) -> None:
        """`source`: (H, W, C)."""
        self._tiles = TiledMsSsim(source)

    def decibels(self, candidate: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(squares down, squares across) of -10 log10(1 - MS-SSIM), at most 60. `candidate`: (H, W, C), the source's shape."""
        return decibels(self._tiles.squares(candidate))

    def square(self, row: int, column: int) -> Square:
        """The square of a cell of `decibels`."""
        rows, columns = ([*starts, side] for starts, side in zip(self._tiles.starts, self._tiles.size, strict=True))
        left, top = columns[column], rows[row]
        return Square(left, top, columns[column + 1] - left, rows[row + 1] - top)
