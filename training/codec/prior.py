"""The prior in floating point, for training: hyper-synthesis and the two-pass context model.

The latents are coded in two passes over a checkerboard that alternates between neighbouring channels as well (Li, Li and Lu,
"Hybrid spatial-temporal entropy modelling for neural video compression", ACM MM 2022, the dual spatial prior): in the first pass
the hyper-latents alone give scale and mean; in the second every position knows half of its channels, and the other half of its
neighbours. Layers, activations and order are those of the integer prior (`router/codecs/neural/entropy_model.py`), which
`training.codec.export` makes from this one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from router.codecs.neural.config import ModelConfig

SLOPE = 0.125
"""Slope of the leaky rectifiers: a shift by three bits in integers."""

LOG_SCALE_RANGE = (-8.0, 3.0)


class Prior(nn.Module):
    """Hyper-latents, and in the second pass the latents of the first -> log scale and mean of every latent, before gain."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        m, n, f = config.latents, config.hyper, config.prior
        self.h1 = nn.Conv2d(n, 4 * n, 1)
        self.h2 = nn.Conv2d(n, 4 * n, 3, padding=1)
        self.h3 = nn.Conv2d(n, f, 3, padding=1)
        self.head = nn.Conv2d(f, 2 * m, 1)
        self.c1 = nn.Conv2d(f + m, f, 1)
        self.dw = nn.Conv2d(f, f, 5, padding=2, groups=f)
        self.c2 = nn.Conv2d(f, f, 1)
        self.context_head = nn.Conv2d(f, 2 * m, 1)
        nn.init.zeros_(self.context_head.weight)
        nn.init.zeros_(self.context_head.bias)

    def features(self, z_hat: Tensor) -> Tensor:
        """Hyper-latents (B, N, h, w) -> features (B, F, 4h, 4w)."""
        h = F.leaky_relu(F.pixel_shuffle(self.h1(z_hat), 2), SLOPE)
        h = F.leaky_relu(F.pixel_shuffle(self.h2(h), 2), SLOPE)
        return F.leaky_relu(self.h3(h), SLOPE)

    def first(self, features: Tensor) -> Tensor:
        """Features -> (B, 2M, h, w): log scales, then means."""
        out: Tensor = self.head(features)
        return out

    def second(self, features: Tensor, known: Tensor) -> Tensor:
        """What the second pass adds to `first`; `known`: latents of the first pass over their gain, zero elsewhere."""
        h = F.leaky_relu(self.c1(torch.cat([features, known.to(features.dtype)], 1)), SLOPE)
        h = F.leaky_relu(self.c2(self.dw(h)), SLOPE)
        out: Tensor = self.context_head(h)
        return out


def first_pass(latents: Tensor) -> Tensor:
    """Mask (1, M, h, w) of the latents coded in the first pass: even sum of channel, row and column."""
    m, h, w = latents.shape[1:]
    c, i, j = (torch.arange(k, device=latents.device) for k in (m, h, w))
    return ((c[:, None, None] + i[:, None] + j) % 2 == 0)[None]


def scale_and_mean(prior: Tensor, log_gain: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 2M, h, w) and log gains (B, M, 1, 1) -> scale and mean of the scaled latents."""
    scale, mean = prior.float().chunk(2, 1)
    return torch.exp(scale.clamp(*LOG_SCALE_RANGE) + log_gain), mean * torch.exp(log_gain)
