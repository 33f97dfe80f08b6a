"""One tile: latents to a stream and back. The encoder runs the decoder's integer prior on what it has coded so far."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.config import HYPER_STRIDE
from router.codecs.neural.entropy import MAX_SYMBOL, EntropyCoder
from router.codecs.neural.entropy_model import ACTIVATION_BITS, LATENT_ONE, IntegerPrior, Order, Parameters, as_known, passes
from router.codecs.neural.fixed_point import Integers
from router.codecs.neural.gain import Gain, at_rate
from router.codecs.neural.network import Network
from router.codecs.neural.tables import EntropyTables
from router.errors import StreamError
from router.reasons import ReasonCode

Watch = Callable[[NDArray[np.int32], NDArray[np.uint8]], None]
_Pass = Callable[[Parameters, Order], NDArray[np.int32]]


@dataclass(frozen=True)
class CodedTile:
    """A stream, and the integers that it decodes to."""

    data: bytes
    hyper: NDArray[np.int32]
    """(h/4, w/4, N)."""
    latents: NDArray[np.int32]
    """(h, w, M), unit 1 / LATENT_ONE."""


class TileCoder:
    """All of one model that a tile needs; immutable, shared between threads."""

    def __init__(self, network: Network, prior: IntegerPrior, tables: EntropyTables, log_gain: NDArray[np.int64]) -> None:
        """`log_gain`: (R, M), base 2, see `gain.py`."""
        self.network = network
        self.prior = prior
        self.tables = tables
        self._coder = EntropyCoder(tables)
        self._log_gain = log_gain
        self._medians = tables.medians / (1 << ACTIVATION_BITS)

    def gain(self, rate_index: int) -> Gain:
        """Gains at a rate index."""
        return at_rate(self._log_gain, rate_index)

    def hyper(self, scaled: NDArray[np.float32]) -> NDArray[np.int32]:
        """Scaled latents (h, w, M) -> hyper-latents (h/4, w/4, N) as coded."""
        return _to_symbols(self.network.hyper(scaled) - self._medians)

    def encode(self, latents: NDArray[np.float32], rate_index: int, watch: Watch | None = None) -> CodedTile:
        """Latents (h, w, M) of a core before any gain -> its stream. `watch` is shown the symbols and scales of each pass."""
        gain = self.gain(rate_index)
        scaled = self.network.scaled(latents, gain)
        hyper = self.hyper(scaled)
        writer = self._coder.writer()
        writer.hyper(hyper)
        flat = scaled.reshape(-1)

        def code(parameters: Parameters, order: Order) -> NDArray[np.int32]:
            symbols = _to_symbols(flat[order.latent] - parameters.means * np.float32(1 / LATENT_ONE))
            symbols[parameters.scales < self.tables.skipped] = 0
            writer.latents(symbols, parameters.scales)
            if watch is not None:
                watch(symbols, parameters.scales)
            return symbols

        decoded = self._walk(hyper, gain, code)
        return CodedTile(writer.finish(), hyper, decoded)

    def decode(self, data: bytes, height: int, width: int, rate_index: int) -> CodedTile:
        """A stream with (height, width) latents. Raises StreamError (DAMAGED_STREAM)."""
        gain = self.gain(rate_index)
        reader = self._coder.reader(data)
        hyper = reader.hyper(height // HYPER_STRIDE, width // HYPER_STRIDE)
        decoded = self._walk(hyper, gain, lambda parameters, _: reader.latents(parameters.scales))
        reader.finish()
        return CodedTile(data, hyper, decoded)

    def _walk(
        self, hyper: NDArray[np.int32], gain: Gain, code: Callable[[Parameters, Order], NDArray[np.int32]]
    ) -> NDArray[np.int32]:
        """Both passes in order; `code` turns the parameters of a pass into its symbols. Returns the latents."""
        height, width = hyper.shape[0] * HYPER_STRIDE, hyper.shape[1] * HYPER_STRIDE
        early, late = passes(height, width, self.prior.latents)
        latents = np.empty(height * width * self.prior.latents, np.int32)

        features = self.prior.features(hyper[None])
        outlook = self.prior.first(features)
        parameters = self.prior.parameters(outlook, early, gain)
        latents[early.latent] = values = reconstruct(code(parameters, early), parameters.means)

        known: Integers = np.zeros(latents.size)
        known[early.latent] = as_known(values, early, gain)
        outlook = self.prior.second(features, outlook, known.reshape(1, height, width, -1))
        parameters = self.prior.parameters(outlook, late, gain)
        latents[late.latent] = reconstruct(code(parameters, late), parameters.means)
        return latents.reshape(height, width, -1)


def reconstruct(symbols: NDArray[np.int32], means: NDArray[np.int32]) -> NDArray[np.int32]:
    """Symbols and fixed-point means -> latents in units of 1 / LATENT_ONE; within 32 bits by the bounds on both."""
    return symbols * np.int32(LATENT_ONE) + means


def checksum(binding: bytes, tile: int, coded: CodedTile) -> int:
    """CRC-32 over `binding`, the tile's number and both integer arrays, little-endian in C order."""
    crc = zlib.crc32(tile.to_bytes(4, "little"), zlib.crc32(binding))
    for array in (coded.hyper, coded.latents):
        crc = zlib.crc32(np.ascontiguousarray(array, "<i4").data, crc)
    return crc


def check_latents(expected: int, found: int, tile: int) -> None:
    """Raise StreamError (LATENT_MISMATCH) if a tile did not decode to what was written."""
    if expected != found:
        raise StreamError(
            f"tile {tile} does not decode to the latents that were written",
            code=ReasonCode.LATENT_MISMATCH,
            hint="The stream is damaged: fetch the file again",
            tile=tile,
        )


def _to_symbols(values: NDArray[np.floating[Any]]) -> NDArray[np.int32]:
    symbols: NDArray[np.int32] = np.clip(np.rint(values), -MAX_SYMBOL, MAX_SYMBOL).astype(np.int32)
    return symbols
