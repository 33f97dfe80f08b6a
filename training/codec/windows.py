"""Where the tiles of an image lie: the core that a tile codes, and the window with halo that the transforms see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from router.codecs.neural.config import LATENT_STRIDE
from router.codecs.neural.tiling import LatentSpan, padded, spans
from router.containers.ncr import Grid


@dataclass(frozen=True)
class Window:
    """One tile, in latents."""

    core_rows: LatentSpan
    core_columns: LatentSpan
    rows: LatentSpan
    columns: LatentSpan

    def of(self, latents: NDArray[Any]) -> NDArray[Any]:
        """The window of an array with all latents (H/16, W/16, M)."""
        return latents[self.rows.start : self.rows.stop, self.columns.start : self.columns.stop]

    def core_of(self, latents: NDArray[Any]) -> NDArray[Any]:
        """The core of an array with all latents (H/16, W/16, M)."""
        return latents[self.core_rows.start : self.core_rows.stop, self.core_columns.start : self.core_columns.stop]

    def core_within(self, window: NDArray[Any], pixels: bool = False) -> NDArray[Any]:
        """The core of what was computed for the window: latents, or pixels."""
        unit = LATENT_STRIDE if pixels else 1
        top, left = (self.core_rows.start - self.rows.start) * unit, (self.core_columns.start - self.columns.start) * unit
        return window[top : top + len(self.core_rows) * unit, left : left + len(self.core_columns) * unit]


def windows(width: int, height: int, grid: Grid) -> list[Window]:
    """All tiles of an image in raster order."""
    halo = grid.halo // LATENT_STRIDE
    h, w = padded(height) // LATENT_STRIDE, padded(width) // LATENT_STRIDE
    return [
        Window(rows, columns, rows.widened(halo, h), columns.widened(halo, w))
        for rows in spans(height, grid.tile_height)
        for columns in spans(width, grid.tile_width)
    ]
