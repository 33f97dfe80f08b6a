"""Bits by likelihood: what the model says a file should take, against which the entropy coder is measured."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.tables import PRECISION, SCALE_MIN, SCALE_STEP


def estimate_bits(encoder: ImageEncoder, rate_index: int) -> float:
    """Bits of an image's tile streams under the integer prior; no entropy coding.

    Latents: a Gaussian of the scale whose index the prior gives, integrated over unit bins, likelihood at least 1e-9 (as
    CompressAI's GaussianConditional); those of skipped scales cost nothing. Hyper-latents: their tables.
    """
    coder = encoder.coder
    bits = 0.0

    def count(symbols: NDArray[np.int32], scales: NDArray[np.uint8]) -> None:
        nonlocal bits
        coded = scales >= coder.tables.skipped
        distance = torch.from_numpy(np.abs(symbols[coded]).astype(np.float64))
        scale = torch.from_numpy(SCALE_MIN * np.exp(scales[coded] * SCALE_STEP)) * math.sqrt(2)
        likelihood = 0.5 * (torch.erfc((distance - 0.5) / scale) - torch.erfc((distance + 0.5) / scale))
        bits -= float(likelihood.clamp_min(1e-9).log2().sum())

    for latents in encoder.analyse():
        coded = coder.encode(latents, rate_index, watch=count)
        for table, channel in zip(coder.tables.z, coded.hyper.reshape(-1, len(coder.tables.z)).T, strict=True):
            index = channel - table.low
            index = np.where((index < 0) | (index >= table.symbols), table.symbols, index)
            bits -= float(np.log2(table.counts[index] / 2.0**PRECISION).sum())
    return bits
