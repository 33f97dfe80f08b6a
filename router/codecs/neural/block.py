"""The block that analysis and synthesis are made of."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Depthwise mixing, then a gated 1x1 feed-forward; both residual and zero at the start."""

    def __init__(self, channels: int, expansion: int = 2, slope: float = 0.01) -> None:
        """`slope`: of the leaky rectifier."""
        super().__init__()
        self.slope = slope
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
        x = x + self.b(self.dw(F.leaky_relu(self.a(x), self.slope)))
        u, v = self.f1(x).chunk(2, 1)
        out: Tensor = x + self.f2(u * F.relu(v) * 0.5)
        return out
