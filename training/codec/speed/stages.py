"""Where the time of one image goes: the pieces of the codec run one after the other, each under a clock.

The pieces are called as the codec calls them, tile by tile, but never side by side; what they make is compared with what the
codec makes. `rest` is what `TileCoder` takes beyond them (quantisation, bookkeeping); being a difference of two measurements, it
may come out below zero.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.config import LATENT_STRIDE
from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.weights import LoadedModel
from router.containers import ncr as container
from router.images.arrays import from_pixels
from router.limits import NO_LIMITS
from training.codec.tile_batch import TileBatch
from training.codec.windows import windows

ANALYSIS, SYNTHESIS, REST = "analysis", "synthesis", "rest"
Seconds = dict[str, float]


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - began


def encoding(model: LoadedModel, pixels: NDArray[np.uint8], rate: int, data: bytes) -> Seconds:
    """Seconds by stage of encoding `pixels` to `data`. Raises RuntimeError if the pieces make other streams."""
    clock, batch = _Clock(), TileBatch(model.coder)
    encoder = ImageEncoder(model, from_pixels(pixels))
    analysis = encoder.analyse()
    whole = 0.0
    for tile in container.parse(data, NO_LIMITS).tiles:
        with clock(ANALYSIS):
            latents = next(analysis)
        began = time.perf_counter()
        model.coder.encode(latents, rate)
        whole += time.perf_counter() - began
        symbols = batch.choose(latents[None], rate)
        (coded,) = batch.encode(latents[None], symbols, rate, clock)
        _check(coded.data == tile.data)
    clock.seconds[REST] = whole - sum(s for name, s in clock.seconds.items() if name != ANALYSIS)
    return dict(clock.seconds)


def decoding(model: LoadedModel, data: bytes) -> Seconds:
    """Seconds by stage of decoding `data` in fp32. Raises RuntimeError if the pieces make other latents."""
    clock, batch = _Clock(), TileBatch(model.coder)
    file = container.parse(data, NO_LIMITS)
    header, rate = file.header, file.model.rate_index
    places = windows(header.width, header.height, file.grid)
    shape = -(-header.height // 64) * 64 // LATENT_STRIDE, -(-header.width // 64) * 64 // LATENT_STRIDE
    latents = np.empty((*shape, model.coder.prior.latents), np.int32)
    whole = 0.0
    for place, tile in zip(places, file.tiles, strict=True):
        size = len(place.core_rows), len(place.core_columns)
        began = time.perf_counter()
        expected = model.coder.decode(tile.data, *size, rate)
        whole += time.perf_counter() - began
        (coded,) = batch.decode([tile.data], *size, rate, clock)
        _check(np.array_equal(coded.latents, expected.latents))
        place.core_of(latents)[...] = coded.latents
    clock.seconds[REST] = whole - sum(clock.seconds.values())
    for place in places:
        seen = np.ascontiguousarray(place.of(latents))
        with clock(SYNTHESIS):
            model.coder.network.synthesise(seen, rate)
    return dict(clock.seconds)


def _check(same: bool) -> None:
    if not same:
        raise RuntimeError("the pieces of the codec do not make what the codec makes: the breakdown is not of this codec")
