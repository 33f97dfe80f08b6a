"""An image on its way into a file: padding, windows, one stream per tile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural import alpha
from router.codecs.neural.config import LATENT_STRIDE
from router.codecs.neural.prefetch import ahead
from router.codecs.neural.tile import CodedTile, checksum
from router.codecs.neural.tiling import choose_grid, padded, spans, tile_count
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.ncr import Colour, Container, Grid, ModelReference, NcrHeader, TileStream
from router.images.sample import ImageSample


class ImageEncoder:
    """One 8-bit sRGB image and one model; `write(analyse(), rate)` is the file."""

    def __init__(self, model: LoadedModel, sample: ImageSample, grid: Grid | None = None) -> None:
        """`grid`: another tiling than `choose_grid` takes."""
        self.coder = model.coder
        self._card = model.card
        self._exif = sample.metadata.exif or None
        pixels = cast("NDArray[np.uint8]", sample.pixels)
        self._colour = pixels[..., : 3 if sample.channels > 2 else 1]
        self._alpha = alpha.encode(pixels[..., -1]) if sample.has_alpha else None
        colour = Colour.NEUTRAL if sample.is_gray else Colour.SRGB
        self._header = NcrHeader(sample.width, sample.height, sample.channels, colour)
        self._grid = grid or choose_grid(sample.width, sample.height, model.card.config)

    def analyse(self) -> Iterator[NDArray[np.float32]]:
        """Latents (h, w, M) of each tile's core, before gains, in raster order."""
        halo = self._grid.halo // LATENT_STRIDE
        height, width = padded(self._header.height) // LATENT_STRIDE, padded(self._header.width) // LATENT_STRIDE
        for rows in spans(self._header.height, self._grid.tile_height):
            for columns in spans(self._header.width, self._grid.tile_width):
                r, c = rows.widened(halo, height), columns.widened(halo, width)
                y = self.coder.network.analyse(_window(self._colour, r.pixels(), c.pixels()))
                core = y[rows.start - r.start :, columns.start - c.start :][: len(rows), : len(columns)]
                yield np.ascontiguousarray(core)

    def write(self, latents: Iterable[NDArray[np.float32]], rate_index: int) -> bytes:
        """The file at one rate, from what `analyse` gave."""
        reference = ModelReference(self._card.id, bytes.fromhex(self._card.sha256), rate_index)
        binding = container.binding(self._header, reference, self._grid)

        def code(item: tuple[int, NDArray[np.float32]]) -> TileStream:
            number, y = item
            coded: CodedTile = self.coder.encode(y, rate_index)
            return TileStream(checksum(binding, number, coded), coded.data)

        count = tile_count(self._header.width, self._header.height, self._grid)
        tiles = ahead(code, enumerate(latents), count)
        return container.write(Container(self._header, reference, self._grid, tuple(tiles), alpha=self._alpha, exif=self._exif))


def _window(pixels: NDArray[np.uint8], rows: slice, columns: slice) -> NDArray[np.uint8]:
    """RGB (h, w, 3) of a window of the padded image: the last row and column are repeated beyond the edges."""
    part = pixels[rows, columns]
    short = ((0, rows.stop - rows.start - part.shape[0]), (0, columns.stop - columns.start - part.shape[1]), (0, 0))
    part = np.pad(part, short, mode="edge")
    return np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)))
