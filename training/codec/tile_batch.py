"""Several tiles of one size coded together, piece by piece: what `TileCoder` does with one, seen from inside.

For two questions: whether tiles whose prior is evaluated in one call get the integers that they get alone, and where the time
goes. The pieces are the library's own; only the order of the calls is written out again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.config import HYPER_STRIDE
from router.codecs.neural.entropy import EntropyCoder
from router.codecs.neural.entropy_model import Order, Parameters, as_known, passes
from router.codecs.neural.gain import Gain
from router.codecs.neural.tile import CodedTile, TileCoder, reconstruct

HYPER, PRIOR, ENTROPY = "hyper-analysis", "prior", "entropy coding"

Stage = Callable[[str], AbstractContextManager[object]]
"""Stands around every piece of work, with its name: HYPER, PRIOR or ENTROPY."""

Symbols = Sequence[NDArray[np.int32]]
"""Of one tile: those of the first pass, those of the second."""


def unwatched(_: str) -> AbstractContextManager[object]:
    """The stage is of no interest."""
    return nullcontext()


class TileBatch:
    """Coding of latents (B, h, w, M), B tiles in every call of the prior."""

    def __init__(self, coder: TileCoder) -> None:
        self._coder = coder
        self._entropy = EntropyCoder(coder.tables)

    def choose(self, latents: NDArray[np.float32], rate_index: int) -> list[Symbols]:
        """The symbols that the library's encoder chooses, one tile at a time."""
        chosen: list[list[NDArray[np.int32]]] = [[] for _ in latents]
        for y, tile in zip(latents, chosen, strict=True):
            self._coder.encode(y, rate_index, watch=lambda symbols, _, tile=tile: tile.append(symbols.copy()))
        return list(chosen)

    def encode(
        self, latents: NDArray[np.float32], symbols: Sequence[Symbols], rate_index: int, stage: Stage = unwatched
    ) -> list[CodedTile]:
        """Streams of `latents` (B, h, w, M) with the symbols that `choose` gave."""
        gain = self._coder.gain(rate_index)
        with stage(HYPER):
            hyper = np.stack([self._coder.hyper(self._coder.network.scaled(y, gain)) for y in latents])
        with stage(ENTROPY):
            writers = [self._entropy.writer() for _ in latents]
            for writer, z in zip(writers, hyper, strict=True):
                writer.hyper(z)
        left = [iter(tile) for tile in symbols]

        def code(tile: int, parameters: Parameters) -> NDArray[np.int32]:
            values = next(left[tile])
            with stage(ENTROPY):
                writers[tile].latents(values, parameters.scales)
            return values

        decoded = self._walk(hyper, gain, code, stage)
        with stage(ENTROPY):
            streams = [writer.finish() for writer in writers]
        return [CodedTile(*tile) for tile in zip(streams, hyper, decoded, strict=True)]

    def decode(
        self, streams: Sequence[bytes], height: int, width: int, rate_index: int, stage: Stage = unwatched
    ) -> list[CodedTile]:
        """Streams of tiles of (height, width) latents each. Raises StreamError (DAMAGED_STREAM)."""
        with stage(ENTROPY):
            readers = [self._entropy.reader(data) for data in streams]
            hyper = np.stack([reader.hyper(height // HYPER_STRIDE, width // HYPER_STRIDE) for reader in readers])

        def code(tile: int, parameters: Parameters) -> NDArray[np.int32]:
            with stage(ENTROPY):
                return readers[tile].latents(parameters.scales)

        decoded = self._walk(hyper, self._coder.gain(rate_index), code, stage)
        for reader in readers:
            reader.finish()
        return [CodedTile(*tile) for tile in zip(streams, hyper, decoded, strict=True)]

    def _walk(
        self, hyper: NDArray[np.int32], gain: Gain, code: Callable[[int, Parameters], NDArray[np.int32]], stage: Stage
    ) -> NDArray[np.int32]:
        """Both passes as `TileCoder` takes them; `code` turns a tile's parameters into symbols. Latents (B, h, w, M)."""
        prior = self._coder.prior
        height, width = hyper.shape[1] * HYPER_STRIDE, hyper.shape[2] * HYPER_STRIDE
        early, late = passes(height, width, prior.latents)
        latents = np.empty((len(hyper), height * width * prior.latents), np.int32)
        known = np.zeros(latents.shape)

        def reveal(order: Order) -> None:
            for tile, values in enumerate(latents):
                with stage(PRIOR):
                    parameters = prior.parameters(outlook[tile], order, gain)
                values[order.latent] = new = reconstruct(code(tile, parameters), parameters.means)
                if order is early:
                    with stage(PRIOR):
                        known[tile, order.latent] = as_known(new, order, gain)

        with stage(PRIOR):
            features = prior.features(hyper)
            outlook = prior.first(features)
        reveal(early)
        with stage(PRIOR):
            outlook = prior.second(features, outlook, known.reshape(len(hyper), height, width, -1))
        reveal(late)
        return latents.reshape(len(hyper), height, width, -1)
