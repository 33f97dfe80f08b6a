"""The transforms at work: what `transform.py` defines, computed in bands of rows, each band by one thread (`process/kernels.py`).

Bands depend on the shape of the image alone, and so do the results. Activations are (h, w, C) arrays; a band's wide ones fit
into a processor's cache, so that a block holds two maps of its own width at a time and nothing more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from router.codecs.neural.block import Block
from router.process.kernels import each

_PLACES = 2048
"""Places of a band: enough for matrix products to run near their peak."""

Band = tuple[int, int]
Rows = Tensor | NDArray[Any]
X = TypeVar("X", Tensor, NDArray[Any])


@dataclass(frozen=True, eq=False)
class Dense:
    """A 1x1 convolution: weight (out, in), bias (out,), in the arithmetic that it is computed in."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, conv: nn.Conv2d, dtype: torch.dtype) -> Dense:
        """From the module, whose memory is shared where its type is this one."""
        assert conv.bias is not None
        return cls(conv.weight.flatten(1).to(dtype), conv.bias.to(dtype))

    def __call__(self, x: Tensor) -> Tensor:
        """(..., in) of any type -> (..., out)."""
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


class RowBlock:
    """`block.Block`, band by band."""

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        self._slope = block.slope
        self._a, self._b, self._f1, self._f2 = (Dense.of(conv, dtype) for conv in (block.a, block.b, block.f1, block.f2))
        assert block.dw.bias is not None
        self._weight = block.dw.weight.to(dtype).contiguous(memory_format=torch.channels_last)
        self._bias = block.dw.bias.to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        """(h, w, C) -> (h, w, C), in the wider of x's type and the block's."""
        out = torch.empty(x.shape, dtype=torch.promote_types(x.dtype, self._weight.dtype))

        def work(band: Band) -> None:
            with torch.inference_mode():
                self._band(x, out, *band)

        each(work, bands(x))
        return out

    def _band(self, x: Tensor, out: Tensor, first: int, last: int) -> None:
        top, bottom = max(0, first - 1), min(len(x), last + 1)
        a = F.leaky_relu_(self._a(x[top:bottom]), self._slope)
        # Padding stands for what lies beyond the image; where the band is cut off inside it, the outer row is thrown away.
        mixed = F.conv2d(a.permute(2, 0, 1)[None], self._weight, self._bias, padding=1, groups=len(self._bias))
        mixed = mixed[0].permute(1, 2, 0)[first - top :][: last - first]
        y = x[first:last] + self._b(mixed)
        u, v = self._f1(y).chunk(2, -1)
        torch.add(y, self._f2((u * F.relu_(v)).mul_(0.5)), out=out[first:last])


def bands(x: Rows, rows: int = 1) -> list[Band]:
    """Rows [first, last) of x (h, w, ...) that are computed together; `first` is a multiple of `rows`."""
    step = max(1, _PLACES // (x.shape[1] * rows)) * rows
    return [(first, min(first + step, len(x))) for first in range(0, len(x), step)]


def banded(function: Callable[[X], Tensor], x: X, out: Tensor, ratio: tuple[int, int] = (1, 1)) -> Tensor:
    """Write `function(rows of x)` into the rows of `out` that they belong to; returns `out`.

    `ratio`: so many rows of x give so many rows of `out`.
    """
    taken, given = ratio

    def work(band: Band) -> None:
        first, last = band
        with torch.inference_mode():
            out[first // taken * given : last // taken * given] = function(x[first:last])

    each(work, bands(x, taken))
    return out


def unshuffled(x: Tensor, factor: int) -> Tensor:
    """(f h, f w, C) -> (h, w, C f f), the channels as `nn.PixelUnshuffle` has them."""
    height, width, channels = x.shape
    parts = x.reshape(height // factor, factor, width // factor, factor, channels).permute(0, 2, 4, 1, 3)
    return parts.reshape(height // factor, width // factor, channels * factor**2)


def shuffled(x: Tensor, factor: int) -> Tensor:
    """(h, w, C f f) -> (f h, f w, C), the channels as `nn.PixelShuffle` has them."""
    height, width, channels = x.shape
    kept = channels // factor**2
    parts = x.reshape(height, width, kept, factor, factor).permute(0, 3, 1, 4, 2)
    return parts.reshape(factor * height, factor * width, kept)
