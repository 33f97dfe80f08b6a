"""The light synthesis: a linear path from every latent to its 16 x 16 pixels, and a narrow network that corrects it.

A strong analysis loses little when the synthesis is shallow (Yang and Mandt, "Computationally-efficient neural image compression
with shallow decoders", ICCV 2023): most of a reconstruction is linear in the latents. Here the linear path is one 1x1 convolution
at 1/16 scale; the correction sees the same latents, mixes space in depthwise 3x3 convolutions at 1/16 and 1/8 scale, and is told
the rate. Slopes and factors are powers of two, so that the network can be computed in integers (`bounded_synthesis.py`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from router.codecs.neural.block import Block
from router.codecs.neural.config import LightShape

SLOPE = 0.125
"""Slope of the leaky rectifiers: a shift by three bits in integers."""


class TrainableSynthesis(nn.Module):
    """Latents over their gain -> RGB around 0."""

    def __init__(self, latents: int, shape: LightShape) -> None:
        super().__init__()
        c, d = shape.channels, shape.deep_channels
        self.linear = nn.Conv2d(latents, 768, 1)
        self.enter = nn.Conv2d(latents, d, 1)
        self.deep = nn.Sequential(*[Block(d, slope=SLOPE) for _ in range(shape.deep_blocks)])
        self.up = nn.Conv2d(d, 4 * c, 1)
        self.blocks = nn.Sequential(*[Block(c, slope=SLOPE) for _ in range(shape.blocks)])
        self.leave = nn.Conv2d(c, 192, 1)
        nn.init.zeros_(self.leave.weight)
        if self.leave.bias is not None:
            nn.init.zeros_(self.leave.bias)

    def forward(self, y: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Latents (B, M, h, w) over their gain, scale and shift (B, C, 1, 1) of the rate -> (B, 3, 16h, 16w), about +-0.5."""
        plain = F.pixel_shuffle(self.linear(y), 16)
        h = F.pixel_shuffle(self.up(self.deep(self.enter(y))), 2)
        h = self.blocks(h * (1 + scale) + shift)
        out: Tensor = plain + F.pixel_shuffle(self.leave(h), 8)
        return out


def linear_start(synthesis: TrainableSynthesis, basis: Tensor) -> None:
    """Make the linear path invert an analysis whose rows are `basis` (M, 768), in the order of two nested pixel shuffles."""
    # The analysis unshuffles by 8, then by 2; the linear path shuffles by 16 at once: channel (colour, 16 rows, 16 columns).
    index = torch.arange(768).view(1, 768, 1, 1).float()
    order = F.pixel_unshuffle(F.pixel_shuffle(F.pixel_shuffle(index, 2), 8), 16).flatten().long()
    with torch.no_grad():
        synthesis.linear.weight.mul_(0.02)
        if synthesis.linear.bias is not None:
            synthesis.linear.bias.zero_()
        synthesis.linear.weight[:, :, 0, 0] += basis.T[order]


def two_steps() -> Tensor:
    """(768,) Order of the linear path's channels in which `spread`, then a shuffle by 8, do what a shuffle by 16 does."""
    return torch.arange(768).view(3, 2, 8, 2, 8).permute(1, 3, 0, 2, 4).flatten()


def spread(x: Tensor) -> Tensor:
    """The linear path (h, w, 768), its channels in the order of `two_steps`, at 1/8 scale: (2h, 2w, 192)."""
    height, width = x.shape[:2]
    return x.view(height, width, 2, 2, 192).permute(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, 192)
