"""Tile geometry in latents: disjoint cores that are coded apart, windows with a halo that are transformed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from router.codecs.neural.config import LATENT_STRIDE, STRIDE, ModelConfig
from router.containers.ncr import Grid

TILE = 1024
"""Core side in pixels of an image that needs several tiles."""
SINGLE = 1 << 21
"""Padded pixels up to which an image is one tile: memory grows with the tile, the cost of halos with their number."""


@dataclass(frozen=True)
class LatentSpan:
    """Half-open interval [start, stop) of latent rows or columns."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def widened(self, by: int, end: int) -> LatentSpan:
        """By `by` on both sides, within [0, end)."""
        return LatentSpan(max(0, self.start - by), min(end, self.stop + by))

    def pixels(self) -> slice:
        """The same interval in pixels of the padded image."""
        return slice(self.start * LATENT_STRIDE, self.stop * LATENT_STRIDE)


def padded(side: int) -> int:
    """`side` rounded up to a multiple of STRIDE."""
    return -(-side // STRIDE) * STRIDE


def choose_grid(width: int, height: int, config: ModelConfig) -> Grid:
    """One tile up to 2 Mi padded pixels, else cores of 1024 px; the halo is what the network can see."""
    w, h = padded(width), padded(height)
    if w * h <= SINGLE:
        return Grid(w, h, min(config.halo, w, h))
    return Grid(min(w, TILE), min(h, TILE), min(config.halo, w, h))


def spans(side: int, tile: int) -> Iterator[LatentSpan]:
    """Tile cores along one side of `side` pixels."""
    end, step = padded(side) // LATENT_STRIDE, tile // LATENT_STRIDE
    for start in range(0, end, step):
        yield LatentSpan(start, min(start + step, end))


def tile_count(width: int, height: int, grid: Grid) -> int:
    """Number of tiles of an image."""
    return -(-padded(width) // grid.tile_width) * -(-padded(height) // grid.tile_height)
