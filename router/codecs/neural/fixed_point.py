"""Convolutions on integers, held in float64: every sum is exact, so every machine, thread count and library agrees.

A value is an integer times a power of two, its *unit*. A layer multiplies integer activations with integer weights, adds an
integer bias, divides by a power of two with rounding to the nearest (halves up) and clips. float64 adds integers exactly in any
order while no partial sum reaches 2^53; the bound follows from the weights and from the range to which inputs are clipped, and is
checked when a layer is made (Ballé, Johnston and Minnen, "Integer networks for data compression with latent-variable models",
ICLR 2019, with wider integers). Arrays are (B, h, w, C): a 1x1 convolution is one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.float64]
"""float64 that holds integers only."""

EXACT = 2.0**53
"""Integers below this magnitude are exact in float64."""


class BoundError(ValueError):
    """The weights of a layer do not keep its sums below 2^53."""


@dataclass(frozen=True)
class FixedConv:
    """A convolution with odd square kernel, stride 1 and zero padding on integers of one unit.

    `weight`: (k, k, in, out), or (k, k, channels) where it is depthwise; `bias`: (out,) in the unit of the sums; both integers.
    The sums are divided by 2^`shift`. Inputs must lie within +-`input_bound`, outputs are clipped to +-`output_bound`.
    """

    weight: Integers
    bias: Integers
    shift: int
    input_bound: int
    output_bound: int

    def __post_init__(self) -> None:
        if not all(np.array_equal(a, np.rint(a)) for a in (self.weight, self.bias)):
            raise BoundError("weights and biases must be integers")
        taps = (0, 1) if self.depthwise else (0, 1, 2)
        reach = np.abs(self.weight).sum(taps) * self.input_bound + np.abs(self.bias) + 2.0**self.shift
        if not float(reach.max()) < EXACT:
            raise BoundError(f"sums may reach {float(reach.max()):.3g}, float64 is exact below {EXACT:.3g}")

    @property
    def depthwise(self) -> bool:
        """Whether every channel is convolved alone."""
        return self.weight.ndim == 3

    def __call__(self, x: Integers) -> Integers:
        """(B, h, w, in) -> (B, h, w, out)."""
        total = self._depthwise(x) if self.depthwise else self._dense(x)
        total += self.bias + 2.0 ** (self.shift - 1)
        total *= 2.0**-self.shift
        np.floor(total, out=total)
        return np.clip(total, -self.output_bound, self.output_bound, out=total)

    def _dense(self, x: Integers) -> Integers:
        side, _, inputs, outputs = self.weight.shape
        columns = x if side == 1 else np.concatenate(list(_shifted(x, side)), axis=3)
        flat: Integers = columns.reshape(-1, side * side * inputs) @ self.weight.reshape(-1, outputs)
        return flat.reshape(*x.shape[:3], outputs)

    def _depthwise(self, x: Integers) -> Integers:
        side = self.weight.shape[0]
        total = np.zeros_like(x)
        scratch = np.empty_like(x)
        for part, tap in zip(_shifted(x, side), self.weight.reshape(side * side, -1), strict=True):
            total += np.multiply(part, tap, out=scratch)
        return total


def _shifted(x: Integers, side: int) -> list[Integers]:
    """What each tap of a kernel sees, in raster order of the taps."""
    reach = side // 2
    height, width = x.shape[1:3]
    framed = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    return [framed[:, i : i + height, j : j + width] for i in range(side) for j in range(side)]


def leaky(x: Integers, shift: int) -> Integers:
    """max(x, floor(x / 2^shift)), in place."""
    return np.maximum(x, np.floor(x * 2.0**-shift), out=x)


def pixel_shuffle(x: Integers, factor: int = 2) -> Integers:
    """(B, h, w, f f c) -> (B, f h, f w, c); channel (k f + i) f + j goes to channel k of place (i, j), as in PyTorch."""
    batch, height, width, channels = x.shape
    kept = channels // factor**2
    parts = x.reshape(batch, height, width, kept, factor, factor).transpose(0, 1, 4, 2, 5, 3)
    return np.ascontiguousarray(parts).reshape(batch, factor * height, factor * width, kept)
