"""All measurements of one decoded image: for every tile one number per measure, larger is worse.

About 50 ms per MP and core. Large images go through in windows; nothing but the result grows with the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router.images.sample import Pixels
from router.quality.guard import detail, edges, tile_values
from router.quality.guard.planes import TILE, Plane, whole_tiles, window_of

MEASURES = (
    "tile",
    "colour",
    "edges-1",
    "edges-2",
    "lines",
    *(f"detail-{3 << octave}" for octave in range(detail.OCTAVES)),
    *(f"added-{3 << octave}" for octave in range(detail.OCTAVES)),
    *(f"faded-{3 << octave}" for octave in range(3)),
)
"""Names, in the order of the last axis of values; the number is the size of structure in px, or the scale of edges."""
ATTENUATED = tuple(k for k, name in enumerate(MEASURES) if name.startswith("faded"))
"""Measures of the whole image: the share of response that local details on quieter ground lose. A tile's value is its part in
that."""
_FEW_DETAILS = 50
"""Local details, in px of the octave, that nothing is said about: their share counts for half."""
MEASURES_VERSION = 2
"""Changes whenever a value does: thresholds of another version do not fit."""

HALO = 128
"""Rows and columns around what is judged, so that every value is that of the whole image."""
_SIDE = 1024
"""Side of a window, in px."""
_BAND = 2048
"""Width of an image up to which windows are as wide as it, in px."""


@dataclass(frozen=True)
class TileValues:
    """`values`: (N, len(MEASURES)) float32, -inf where a measure was not taken. `tiles`: (N, 2) rows and columns of tiles.

    A tile's value is its own, of `ATTENUATED` measures its part in the image's, which is their sum.
    """

    values: NDArray[np.float32]
    tiles: NDArray[np.int64]

    @property
    def worst(self) -> NDArray[np.float32]:
        """The image's value of each measure: of its worst tile, or as a whole."""
        found = self.values.max(0)
        found[list(ATTENUATED)] = self.values[:, ATTENUATED].sum(0)
        return np.asarray(found)


Window = tuple[int, int, int, int]
"""Top, left, bottom, right, in tiles."""


def measure(source: Pixels, decoded: Pixels) -> TileValues:
    """Every tile of two (H, W, C) images of the same shape."""
    found = _measured(source, decoded, tuple(everything(source)), halo=HALO, octaves=detail.OCTAVES)
    order = np.lexsort(found.tiles.T[::-1])  # rows first, however the windows lay: sums depend on it in their last bits
    return TileValues(found.values[order], found.tiles[order])


def everything(image: Pixels) -> Iterator[Window]:
    """Windows side by side that cover an image; of one that is not wide, bands."""
    rows, columns = (whole_tiles(side) // TILE for side in image.shape[:2])
    side = _SIDE // TILE
    across = columns if columns <= _BAND // TILE else side
    for top in range(0, rows, side):
        for left in range(0, columns, across):
            yield top, left, min(top + side, rows), min(left + across, columns)


def measure_windows(source: Pixels, decoded: Pixels, windows: Sequence[Window]) -> TileValues:
    """Measure the tiles of some windows.

    The coarsest octave, which would have to look far beyond them, and the measures in `ATTENUATED` are left out.
    """
    found = _measured(source, decoded, windows, halo=HALO // 2, octaves=detail.OCTAVES - 1)
    found.values[:, ATTENUATED] = -np.inf
    return found


def _measured(source: Pixels, decoded: Pixels, windows: Sequence[Window], *, halo: int, octaves: int) -> TileValues:
    values, tiles, details = [], [], []
    for window in windows:
        top, left, bottom, right = window
        rows = slice(max(0, top * TILE - halo), min(whole_tiles(source.shape[0]), bottom * TILE + halo))
        columns = slice(max(0, left * TILE - halo), min(whole_tiles(source.shape[1]), right * TILE + halo))
        maps = _maps(window_of(source, rows, columns), window_of(decoded, rows, columns), octaves)
        row, column = top - rows.start // TILE, left - columns.start // TILE
        found = np.full((bottom - top, right - left, len(MEASURES)), -np.inf, np.float32)
        area = np.zeros((bottom - top, right - left, len(ATTENUATED)), np.float32)
        for name, plane in maps:
            own = plane[row : row + bottom - top, column : column + right - left]
            if name.startswith("area"):
                area[..., ATTENUATED.index(MEASURES.index(name.replace("area", "faded")))] = own
            else:
                found[..., MEASURES.index(name)] = own
        values.append(found.reshape(-1, len(MEASURES)))
        details.append(area.reshape(-1, len(ATTENUATED)))
        grid = np.mgrid[top:bottom, left:right].reshape(2, -1)
        tiles.append(grid.T)
    whole = np.concatenate(values)
    whole[:, ATTENUATED] /= np.concatenate(details).sum(0) + np.float32(_FEW_DETAILS)
    return TileValues(whole, np.concatenate(tiles))


def _maps(source: NDArray[np.uint8], decoded: NDArray[np.uint8], octaves: int) -> Iterator[tuple[str, Plane]]:
    """(name, one value a tile) of whole tiles; "area-*" are the areas that the sums "faded-*" are shares of."""
    import cv2

    colour_s, colour_d = source.astype(np.float32), decoded.astype(np.float32)
    yield "colour", tile_values.cast(colour_s, colour_d)
    luma_s, luma_d = (np.asarray(cv2.cvtColor(plane, cv2.COLOR_RGB2GRAY), np.float32) for plane in (colour_s, colour_d))
    del colour_s, colour_d
    yield "tile", tile_values.unlikeness(luma_s, luma_d)
    for octave, (s, d) in enumerate(detail.octaves(luma_s, luma_d, octaves)):
        band_s, band_d = detail.band(s), detail.band(d)
        worst, shares, details = detail.lost(band_s, band_d, octave)
        yield f"detail-{3 << octave}", worst
        if octave < len(ATTENUATED):
            yield f"faded-{3 << octave}", shares
            yield f"area-{3 << octave}", details
        yield f"added-{3 << octave}", detail.added(band_s, band_d, octave)
        if octave < 2:
            lost, coherence = edges.edges_lost(s, d, octave)
            yield f"edges-{1 << octave}", lost
        if octave == 0:
            yield "lines", edges.lines_lost(band_s, band_d, coherence)
