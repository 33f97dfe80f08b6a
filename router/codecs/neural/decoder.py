"""A parsed file on its way to pixels: streams band by band, synthesis with a halo, checksums before any pixel."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from router.codecs.base import DecodedImage
from router.codecs.neural import alpha
from router.codecs.neural.arithmetic import Decoding
from router.codecs.neural.config import LATENT_STRIDE
from router.codecs.neural.prefetch import ahead
from router.codecs.neural.tile import TileCoder, check_latents, checksum
from router.codecs.neural.tiling import LatentSpan, spans
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.containers.metadata import Metadata
from router.containers.ncr import Colour, Container


def decode_image(file: Container, model: LoadedModel, decoding: Decoding = Decoding.FP32) -> DecodedImage:
    """Pixels (H, W, C) uint8 and metadata. Raises StreamError (DAMAGED_STREAM, LATENT_MISMATCH)."""
    header = file.header
    pixels = np.empty((header.height, header.width, header.channels), np.uint8)
    if file.alpha is not None:
        pixels[..., -1] = alpha.decode(file.alpha, header.height, header.width)
    samples = pixels[..., : 3 if header.channels > 2 else 1]
    for rows, columns, rgb in _cores(file, model.coder, decoding):
        _round_into(samples[rows.pixels(), columns.pixels()], header.colour, rgb)
    return DecodedImage(pixels, Metadata(icc=file.icc, exif=file.exif, xmp=file.xmp))


def _cores(file: Container, coder: TileCoder, decoding: Decoding) -> Iterator[tuple[LatentSpan, LatentSpan, NDArray[np.float32]]]:
    """Each core with its RGB (h, w, 3) in [0, 1], in raster order. Holds the latents of a few bands (tile rows) at most."""
    bands = list(spans(file.header.height, file.grid.tile_height))
    columns = list(spans(file.header.width, file.grid.tile_width))
    halo = file.grid.halo // LATENT_STRIDE
    read = _read_bands(file, coder, bands, columns)
    held: dict[int, NDArray[np.int32]] = {}
    for number, rows in enumerate(bands):
        held.pop(number - 2, None)
        for k in range(max(held, default=-1) + 1, min(number + 2, len(bands))):
            held[k] = next(read)
        r = rows.widened(halo, bands[-1].stop)
        # A halo is no larger than a core, so that it ends within the neighbouring bands.
        window = np.concatenate([held[k][max(0, r.start - bands[k].start) : r.stop - bands[k].start] for k in sorted(held)])
        for core in columns:
            c = core.widened(halo, columns[-1].stop)
            latents = np.ascontiguousarray(window[:, c.start : c.stop])
            rgb = coder.network.synthesise(latents, file.model.rate_index, decoding)
            top, left = (rows.start - r.start) * LATENT_STRIDE, (core.start - c.start) * LATENT_STRIDE
            yield rows, core, rgb[top:, left:][: len(rows) * LATENT_STRIDE, : len(core) * LATENT_STRIDE]


def _read_bands(
    file: Container, coder: TileCoder, bands: list[LatentSpan], columns: list[LatentSpan]
) -> Iterator[NDArray[np.int32]]:
    """Reconstructed latents (h, W/16, M) of one band after the other, each tile checked."""
    binding = container.binding(file.header, file.model, file.grid)

    def read(place: tuple[int, LatentSpan, LatentSpan]) -> NDArray[np.int32]:
        number, rows, core = place
        tile = file.tiles[number]
        coded = coder.decode(tile.data, len(rows), len(core), file.model.rate_index)
        check_latents(tile.checksum, checksum(binding, number, coded), number)
        return coded.latents

    places = [(i * len(columns) + j, rows, core) for i, rows in enumerate(bands) for j, core in enumerate(columns)]
    tiles = ahead(read, places, len(places))
    for _ in bands:
        yield np.concatenate(list(itertools.islice(tiles, len(columns))), axis=1)


def _round_into(target: NDArray[np.uint8], colour: Colour, rgb: NDArray[np.float32]) -> None:
    """Round a core into its place, cutting off the padding; neutral images take the mean of the three channels."""
    values = rgb[: target.shape[0], : target.shape[1]]
    if colour is Colour.NEUTRAL:
        values = ((values[..., 0] + values[..., 1] + values[..., 2]) / np.float32(3))[..., None]
    target[...] = np.rint(values * np.float32(255)).astype(np.uint8)
