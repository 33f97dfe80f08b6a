"""SSIMULACRA2 as a differentiable loss (Sneyers, 2022; weights and constants from the `ssimulacra2` package, after libjxl).

Blurs are products with banded matrices, the fastest form on a GPU, and cube roots are exp(log / 3). Within about 1.6 points of
the package's score.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from ssimulacra2.ssimulacra2 import kOpsinAbsorbanceMatrix, weights
from torch import Tensor

_WEIGHTS = torch.tensor(weights, dtype=torch.float32)
_OPSIN = torch.tensor(kOpsinAbsorbanceMatrix, dtype=torch.float32).view(3, 3)
_BIAS = 0.0037930732552754493
_SCALES = 6
_RADIUS = 5
_offsets = torch.arange(-_RADIUS, _RADIUS + 1.0)
_KERNEL = torch.exp(-_offsets * _offsets / (2 * 1.5 * 1.5))
_KERNEL = _KERNEL / _KERNEL.sum()


def _blur(x: Tensor) -> Tensor:
    # Mirrored across and zero beyond the first and last row: of all pairs the nearest to the package, 1.5 points rms.
    return _blur_matrix(x.shape[-2], mirrored=False).to(x) @ x @ _blur_matrix(x.shape[-1], mirrored=True).to(x).T


@lru_cache
def _blur_matrix(length: int, mirrored: bool) -> Tensor:
    """(length, length): what the blur makes of a line."""
    mode = "constant" if not mirrored else "reflect" if length > _RADIUS else "replicate"
    lines = F.pad(torch.eye(length)[:, None], (_RADIUS, _RADIUS), mode=mode)
    return F.conv1d(lines, _KERNEL.view(1, 1, -1))[:, 0].T.contiguous()


def _to_linear(x: Tensor) -> Tensor:
    curve = torch.exp(2.4 * torch.log((x.clamp_min(0.04045) + 0.055) / 1.055))
    return torch.where(x <= 0.04045, x / 12.92, curve)


def _to_xyb(linear: Tensor) -> Tensor:
    mixed = torch.einsum("ij,bjhw->bihw", _OPSIN.to(linear), linear) + _BIAS
    mixed = torch.exp(torch.log(mixed.clamp_min(1e-6)) / 3) - _BIAS ** (1 / 3)
    x, y, b = 0.5 * (mixed[:, 0] - mixed[:, 1]), 0.5 * (mixed[:, 0] + mixed[:, 1]), mixed[:, 2]
    return torch.stack([x * 14 + 0.42, y + 0.01, (b - y) + 0.55], 1)


def _norm4(d: Tensor) -> Tensor:
    return ((d * d) ** 2).mean((2, 3)).clamp_min(1e-12) ** 0.25


def distance(reference: Tensor, distorted: Tensor) -> Tensor:
    """Weighted error before the final polynomial, (B,), from RGB (B, 3, H, W) in [0, 1]; at least 256x256 for all scales."""
    la, lb = _to_linear(reference), _to_linear(distorted.clamp(0, 1))
    per_scale = []
    for scale in range(_SCALES):
        if min(la.shape[-2:]) < 8:
            break
        a, b = _to_xyb(la), _to_xyb(lb)
        m1, s11 = _blur(torch.cat([a, a * a], 1)).chunk(2, 1)  # apart: the source needs no gradient
        m2, s22, s12 = _blur(torch.cat([b, b * b, a * b], 1)).chunk(3, 1)
        ratio = (2 * (s12 - m1 * m2) + 0.0009) / ((s11 - m1 * m1) + (s22 - m2 * m2) + 0.0009)
        d = (1 - (1 - (m1 - m2) ** 2) * ratio).clamp_min(0)
        edge = (1 + (b - m2).abs()) / (1 + (a - m1).abs()) - 1
        artifact, lost = edge.clamp_min(0), (-edge).clamp_min(0)
        means = torch.stack([v.mean((2, 3)) for v in (d, artifact, lost)], -1)
        norms = torch.stack([_norm4(v) for v in (d, artifact, lost)], -1)
        per_scale.append(torch.stack([means, norms], 2))  # (B, 3, 2, 3): channel, norm, kind
        if scale < _SCALES - 1:
            pad = (0, la.shape[-1] % 2, 0, la.shape[-2] % 2)
            if any(pad):
                la, lb = F.pad(la, pad, mode="replicate"), F.pad(lb, pad, mode="replicate")
            la, lb = F.avg_pool2d(la, 2), F.avg_pool2d(lb, 2)
    features = torch.stack(per_scale, 2)  # (B, 3, scales, 2, 3)
    table = _WEIGHTS.view(3, _SCALES, 2, 3)[:, : features.shape[2]].to(features)
    return (features * table).flatten(1).sum(1)


def score(reference: Tensor, distorted: Tensor) -> Tensor:
    """Approximate SSIMULACRA2 score, (B,), at most 100."""
    s = distance(reference, distorted) * 0.9562382616834844
    s = 2.326765642916932 * s - 0.020884521182843837 * s * s + 6.248496625763138e-05 * s**3
    return torch.where(s > 0, 100 - 10 * s.clamp_min(1e-9) ** 0.6276336467831387, torch.full_like(s, 100.0))
