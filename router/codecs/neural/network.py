"""The numeric side of the codec: pixels to latents, hyper-latents to a fixed-point prior, latents to pixels.

What encoder and decoder must agree on, the prior, is computed in float64 outside autocast on tensors of one tile's shape, and
leaves as integers: a scale index and a mean in units of 1 / 1024. With rounding noise near 1e-15 a different summation order
(thread count, another BLAS) then changes an integer only if a value lies that close to a rounding boundary. The checksum over
the decoded integers turns such a case into an error.
"""

from __future__ import annotations

import copy
import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural.config import HYPER_STRIDE, ModelConfig
from router.codecs.neural.entropy import MAX_SYMBOL, EntropyCoder
from router.codecs.neural.model import TransformCodec
from router.codecs.neural.tables import MEDIAN_ONE, SCALE_COUNT, SCALE_MIN, SCALE_STEP, EntropyTables
from router.errors import StreamError
from router.reasons import ReasonCode

LATENT_ONE = 1 << 10
"""Fixed-point unit of means and of reconstructed latents."""

_MAX_MEAN = 1 << 29
RATE_MAX = 0xFFFF


class Network:
    """One model in memory; immutable, shared between threads. The process's torch thread settings are respected."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, Tensor], tables: EntropyTables) -> None:
        """Raises RuntimeError if `weights` do not fit `config`."""
        self.config = config
        self.tables = tables
        self.coder = EntropyCoder(tables)
        model = TransformCodec(config)
        model.load_state_dict(dict(weights))
        self._log_encoder_gain = model.qe.detach().double().numpy().copy()
        self._log_decoder_gain = model.qd.detach().double().numpy().copy()
        self._model = model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._hyper_synthesis = copy.deepcopy(model.h_s).to(dtype=torch.float64, memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self._medians = tables.medians.astype(np.float64)[:, None, None] / MEDIAN_ONE

    def analyse(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """RGB (H, W, 3) uint8, sides a multiple of 64 -> latents (M, H/16, W/16) before any gain."""
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            x = torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None].div_(255)
            y: NDArray[np.float32] = self._model.analyse(x.contiguous(memory_format=torch.channels_last), torch.ones(1))[
                0
            ].numpy()
        return y

    def scaled(self, latents: NDArray[np.float32], rate_index: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Latents (M, h, w) of one core -> the same times the encoder's gain, and their hyper-latents (N, h/4, w/4)."""
        y = latents * np.exp(self._gain(self._log_encoder_gain, rate_index)).astype(np.float32)
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            z = self._model.h_a(torch.from_numpy(y)[None].contiguous(memory_format=torch.channels_last))[0].numpy()
        return y, _to_symbols(z - self._medians)

    def quantise(
        self, latents: NDArray[np.float32], rate_index: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int32]]:
        """Latents (M, h, w) of one core -> hyper-latents, symbols, scale indices and reconstructed latents, as coded."""
        y, hyper = self.scaled(latents, rate_index)
        scales, means = self.prior(hyper, rate_index)
        symbols = _to_symbols(y.astype(np.float64) - means / LATENT_ONE)
        return hyper, symbols, scales, reconstruct(symbols, means)

    def prior(self, hyper: NDArray[np.int32], rate_index: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Hyper-latents (N, h, w) -> scale indices (M, 4h, 4w) uint8 and means, int32 in units of 1 / LATENT_ONE."""
        log_scale, mean = self.continuous_prior(hyper, rate_index)
        index = np.floor((log_scale - math.log(SCALE_MIN)) / SCALE_STEP + 0.5)
        fixed = np.rint(mean * LATENT_ONE)
        return (
            np.clip(index, 0, SCALE_COUNT - 1).astype(np.uint8),
            np.clip(fixed, -_MAX_MEAN, _MAX_MEAN).astype(np.int32),
        )

    def continuous_prior(self, hyper: NDArray[np.int32], rate_index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The prior before rounding: log scales and means (M, 4h, 4w), float64."""
        z = torch.from_numpy(hyper + self._medians)[None]
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            out: NDArray[np.float64] = self._hyper_synthesis(z)[0].numpy()
        m = self.config.latents
        gain = self._gain(self._log_encoder_gain, rate_index)
        return np.clip(out[:m], -8, 3) + gain, out[m:] * np.exp(gain)

    def synthesise(self, latents: NDArray[np.int32], rate_index: int) -> NDArray[np.float32]:
        """Reconstructed latents (M, h, w), unit 1 / LATENT_ONE -> RGB (16h, 16w, 3) in [0, 1]."""
        gain = torch.from_numpy(np.exp(self._gain(self._log_decoder_gain, rate_index)).astype(np.float32))[None]
        with torch.inference_mode(), torch.autocast("cpu", enabled=False):
            y = torch.from_numpy(latents)[None].float().div_(LATENT_ONE)
            x = self._model.synthesise(y.contiguous(memory_format=torch.channels_last), gain)
            rgb: NDArray[np.float32] = x.clamp_(0, 1)[0].permute(1, 2, 0).numpy()
        return rgb

    def read_tile(self, data: bytes, height: int, width: int, rate_index: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """A tile stream with (height, width) latents -> hyper-latents and reconstructed latents. Raises StreamError."""
        reader = self.coder.reader(data)
        hyper = reader.hyper(height // HYPER_STRIDE, width // HYPER_STRIDE)
        scales, means = self.prior(hyper, rate_index)
        return hyper, reconstruct(reader.latents(scales), means)

    def _gain(self, table: NDArray[np.float64], rate_index: int) -> NDArray[np.float64]:
        """Log gains (M, 1, 1): linear between the anchors."""
        position = rate_index / RATE_MAX * (self.config.rates - 1)
        low = min(int(position), self.config.rates - 2)
        weight = position - low
        gain: NDArray[np.float64] = (table[low] * (1 - weight) + table[low + 1] * weight)[:, None, None]
        return gain


def reconstruct(symbols: NDArray[np.int32], means: NDArray[np.int32]) -> NDArray[np.int32]:
    """Symbols and fixed-point means -> latents in units of 1 / LATENT_ONE; within 32 bits by the bounds on both."""
    return symbols * np.int32(LATENT_ONE) + means


def checksum(binding: bytes, tile: int, hyper: NDArray[np.int32], latents: NDArray[np.int32]) -> int:
    """CRC-32 over `binding`, the tile's number and both integer arrays, little-endian in C order."""
    crc = zlib.crc32(tile.to_bytes(4, "little"), zlib.crc32(binding))
    for array in (hyper, latents):
        crc = zlib.crc32(array.astype("<i4", copy=False).tobytes(), crc)
    return crc


def check_latents(expected: int, found: int, tile: int) -> None:
    """Raise StreamError (LATENT_MISMATCH) if a tile did not decode to what was written."""
    if expected != found:
        raise StreamError(
            f"tile {tile} does not decode to the latents that were written",
            code=ReasonCode.LATENT_MISMATCH,
            hint="The stream is damaged, or was written by another build: format 0 is readable by the same build only",
            tile=tile,
        )


def _to_symbols(values: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.clip(np.rint(values), -MAX_SYMBOL, MAX_SYMBOL).astype(np.int32)
