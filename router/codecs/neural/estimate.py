"""Bits by likelihood: what the model says a file should take, against which the entropy coder is measured."""

from __future__ import annotations

import math

import numpy as np
import torch

from router.codecs.neural.encoder import ImageEncoder
from router.codecs.neural.tables import PRECISION, SCALE_MIN


def estimate_bits(encoder: ImageEncoder, rate_index: int) -> float:
    """Bits of an image's tile streams under the unquantised model; no entropy coding.

    Latents: a Gaussian with the network's own scale (at least 0.11) and mean, integrated over unit bins, likelihood at least
    1e-9 (as CompressAI's GaussianConditional). Hyper-latents: their tables.
    """
    network = encoder.network
    bits = 0.0
    for latents in encoder.analyse():
        y, hyper = network.scaled(latents, rate_index)
        log_scale, mean = network.continuous_prior(hyper, rate_index)
        distance = torch.from_numpy(np.abs(np.rint(y - mean)))
        scale = torch.from_numpy(np.exp(log_scale)).clamp_min(SCALE_MIN) * math.sqrt(2)
        likelihood = 0.5 * (torch.erfc((distance - 0.5) / scale) - torch.erfc((distance + 0.5) / scale))
        bits -= float(likelihood.clamp_min(1e-9).log2().sum())
        for table, channel in zip(network.tables.z, hyper, strict=True):
            index = channel.reshape(-1) - table.low
            index = np.where((index < 0) | (index >= table.symbols), table.symbols, index)
            bits -= float(np.log2(table.counts[index] / 2.0**PRECISION).sum())
    return bits
