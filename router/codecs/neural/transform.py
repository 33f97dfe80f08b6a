"""Analysis and synthesis transforms: 8x8 unshuffle, gated blocks at 1/8 and 1/16 scale, per-rate gains.

Everything dense is a 1x1 convolution, which a CPU runs near its peak; depthwise 3x3 convolutions mix space. Names follow the
field (`g_a`, `g_s`: analysis and synthesis; `h_a`: hyper-analysis; Ballé et al., ICLR 2018; Minnen et al., NeurIPS 2018). Rate
control by per-channel gains follows Cui et al., CVPR 2021. None of this is part of the entropy path: it may differ in the last
bits from machine to machine, and the latents stay the same (`prior.py`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from router.codecs.neural.block import Block
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.light import TrainableSynthesis


class Transform(nn.Module):
    """Pixels to latents and back, and latents to hyper-latents, at every rate."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        c, m, n = config.channels, config.latents, config.hyper
        self.g_a = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(192, c, 1),
            *[Block(c) for _ in range(config.analysis_blocks)],
            nn.PixelUnshuffle(2),
        )
        self.g_a_down = nn.Conv2d(4 * c, m, 1)
        self.g_a_deep = nn.Sequential(*[Block(m) for _ in range(config.deep_blocks)])
        if config.light is None:
            self.g_s_deep = nn.Sequential(*[Block(m) for _ in range(config.deep_blocks)])
            self.g_s_up = nn.Sequential(nn.Conv2d(m, 4 * c, 1), nn.PixelShuffle(2))
            self.g_s: nn.Module = nn.Sequential(
                *[Block(c) for _ in range(config.synthesis_blocks)],
                nn.Conv2d(c, 192, 1),
                nn.PixelShuffle(8),
            )
        else:
            self.g_s = TrainableSynthesis(m, config.light)
        self.h_a = nn.Sequential(
            nn.Conv2d(m, n, 1),
            nn.LeakyReLU(),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
        )
        log_gain = torch.linspace(math.log(2.0), math.log(32.0), config.rates)[:, None].repeat(1, m)
        self.qe = nn.Parameter(log_gain.clone())
        self.qd = nn.Parameter(-log_gain)
        width = c if config.light is None else config.light.channels
        self.film_scale = nn.Parameter(torch.zeros(config.rates, width))
        self.film_shift = nn.Parameter(torch.zeros(config.rates, width))

    def at(self, table: Tensor, position: Tensor) -> Tensor:
        """Rows of a (rates, K) table at rate positions (B,) in [0, rates - 1], linear between anchors: (B, K, 1, 1)."""
        low = position.floor().long().clamp(0, self.config.rates - 2)
        weight = (position - low)[:, None]
        return (table[low] * (1 - weight) + table[low + 1] * weight)[:, :, None, None]

    def analyse(self, x: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1], sides a multiple of STRIDE -> latents before any gain (B, M, H/16, W/16), fp32."""
        h = self.g_a(x - 0.5)
        # bf16 in this layer costs whole quantisation steps on the DC channels.
        with torch.autocast(x.device.type, enabled=False):
            y = self.g_a_down(h.float())
        out: Tensor = self.g_a_deep(y).float()
        return out

    def synthesise(self, y_hat: Tensor, position: Tensor) -> Tensor:
        """Quantised scaled latents (B, M, h, w), rate positions (B,) -> RGB (B, 3, 16h, 16w), nominally in [0, 1]."""
        h = y_hat * torch.exp(self.at(self.qd, position))
        scale, shift = self.at(self.film_scale, position), self.at(self.film_shift, position)
        out: Tensor
        if self.config.light is None:
            out = self.g_s(self.g_s_up(self.g_s_deep(h)) * (1 + scale) + shift)
        else:
            out = self.g_s(h, scale, shift)
        return out.float() + 0.5
