"""The transform of the neural codec: one-stage 8x8 unshuffle, gated blocks at 1/8 scale, mean-scale hyperprior at 1/16.

Everything dense is a 1x1 or small convolution at 1/8 scale, which a CPU runs near its peak. Names follow the field
(`g_a`, `g_s`: analysis and synthesis; `h_a`, `h_s`: hyper-analysis and hyper-synthesis; Ballé et al., ICLR 2018; Minnen et
al., NeurIPS 2018). Continuous rate control by per-channel gains follows Cui et al., CVPR 2021. Only `torch` is imported:
training adds the entropy models it needs, decoding uses the tables that were exported with the weights.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from router.codecs.neural.config import STRIDE, ModelConfig

__all__ = ["STRIDE", "Block", "ModelConfig", "TransformCodec"]


class Block(nn.Module):
    """Depthwise mixing, then a gated 1x1 feed-forward; both residual and zero at the start."""

    def __init__(self, channels: int, expansion: int = 2) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 1)
        self.dw = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.b = nn.Conv2d(channels, channels, 1)
        self.f1 = nn.Conv2d(channels, 2 * channels * expansion, 1)
        self.f2 = nn.Conv2d(channels * expansion, channels, 1)
        for conv in (self.b, self.f2):
            nn.init.zeros_(conv.weight)
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        x = x + self.b(self.dw(F.leaky_relu(self.a(x), 0.01)))
        u, v = self.f1(x).chunk(2, 1)
        out: Tensor = x + self.f2(u * F.relu(v) * 0.5)
        return out


class TransformCodec(nn.Module):
    """Analysis, synthesis and hyperprior transforms with gains for all rates."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        c, m, n = config.channels, config.latents, config.hyper
        self.g_a = nn.Sequential(
            nn.PixelUnshuffle(8),
            nn.Conv2d(192, c, 3, padding=1),
            *[Block(c) for _ in range(config.analysis_blocks)],
            nn.Conv2d(c, m, 4, stride=2, padding=1),
        )
        self.g_s = nn.Sequential(
            nn.Conv2d(m, 4 * c, 1),
            nn.PixelShuffle(2),
            *[Block(c) for _ in range(config.synthesis_blocks)],
            nn.Conv2d(c, 192, 3, padding=1),
            nn.PixelShuffle(8),
        )
        self.h_a = nn.Sequential(
            nn.Conv2d(m, n, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
            nn.LeakyReLU(),
            nn.Conv2d(n, n, 5, stride=2, padding=2),
        )
        self.h_s = nn.Sequential(
            nn.Conv2d(n, 4 * n, 1),
            nn.PixelShuffle(2),
            nn.LeakyReLU(),
            nn.Conv2d(n, 4 * n, 3, padding=1),
            nn.PixelShuffle(2),
            nn.LeakyReLU(),
            nn.Conv2d(n, 2 * m, 3, padding=1),
        )
        log_gain = torch.linspace(math.log(3.0), math.log(27.0), config.rates)[:, None].repeat(1, m)
        self.qe = nn.Parameter(log_gain.clone())
        self.qd = nn.Parameter(-log_gain)

    def gains(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder and decoder gains, each (B, M, 1, 1), for rate positions (B,) in [0, rates - 1]."""
        low = position.floor().long().clamp(0, self.config.rates - 2)
        weight = (position - low)[:, None]

        def interpolate(table: Tensor) -> Tensor:
            return torch.exp(table[low] * (1 - weight) + table[low + 1] * weight)[:, :, None, None]

        return interpolate(self.qe), interpolate(self.qd)

    def analyse(self, x: Tensor, encoder_gain: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [0, 1], sides a multiple of STRIDE -> scaled latents (B, M, H/16, W/16), fp32."""
        h = self.g_a[:-1](x - 0.5)
        # bf16 in the last layer costs whole quantisation steps on the DC channels.
        with torch.autocast(x.device.type, enabled=False):
            y: Tensor = self.g_a[-1](h.float()) * encoder_gain
        return y

    def prior(self, z_hat: Tensor, encoder_gain: Tensor) -> tuple[Tensor, Tensor]:
        """Hyper-latents -> (scale, mean) of the scaled latents; the gain enters here so that `h_s` need not guess it."""
        scale, mean = self.h_s(z_hat).float().chunk(2, 1)
        return torch.exp(scale.clamp(-8, 3)) * encoder_gain, mean * encoder_gain

    def synthesise(self, y_hat: Tensor, decoder_gain: Tensor) -> Tensor:
        """Quantised scaled latents -> RGB (B, 3, H, W), nominally in [0, 1], not clipped."""
        out: Tensor = self.g_s(y_hat * decoder_gain)
        return out.float() + 0.5
