"""The light synthesis on bounded integers: equal pixels on every machine.

The network is that of `light.py`. What a file holds of it are integers and the multipliers between their units (`bounded.py`);
nothing is derived from floating-point weights when it is loaded. Computed in bands of rows, as `rows.py` has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural import light
from router.codecs.neural.bounded import (
    ACTIVATION_BOUND,
    EXACT,
    Depthwise,
    Pointwise,
    QuantisedLayer,
    clip,
    layers_of,
    leaky,
)
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.fixed_point import BoundError
from router.codecs.neural.gain import LIMIT, interpolate, power_of_two
from router.codecs.neural.rows import Band, banded, bands, shuffled
from router.process.kernels import each

PIXEL_BITS = 4
"""Outputs of both paths are in units of 1 / 16 of an 8-bit level."""
GAIN_BITS = 24
"""Gains of the rate are in units of 2^-24 ..."""
LATENT_BITS = 10
"""... and latents in units of 2^-10."""
FILM_BITS = 10
"""Scales and shifts of the rate: units of 2^-10; shifts of an activation's unit."""
_LEAK = 3
_WHITE = 255 << PIXEL_BITS


@dataclass(frozen=True)
class BoundedWeights:
    """Everything a file holds of a synthesis in integers, by name."""

    arrays: Mapping[str, NDArray[Any]]

    def layer(self, name: str, *shape: int) -> QuantisedLayer:
        """One convolution, whose weight has this shape. Raises KeyError or ValueError."""
        layer = layers_of(self.arrays, name)
        if layer.weight.shape != shape or not layer.bias.shape == layer.multiplier.shape == shape[:1]:
            raise ValueError(f"layer {name} of the synthesis in integers has the wrong shape")
        return layer

    def table(self, name: str, *shape: int) -> NDArray[Any]:
        """An array of this shape. Raises KeyError or ValueError."""
        array = self.arrays[name]
        if array.shape != shape:
            raise ValueError(f"{name} of the synthesis in integers has the wrong shape")
        return array


class BoundedSynthesis:
    """Latents to pixels; immutable, shared between threads."""

    def __init__(self, config: ModelConfig, weights: BoundedWeights) -> None:
        """`config`: of a model with a light synthesis. Raises KeyError, ValueError or BoundError where the weights do not fit."""
        shape, m, rates = config.light, config.latents, config.rates
        if shape is None:
            raise ValueError("only a light synthesis has bounded integers")
        c, d = shape.channels, shape.deep_channels
        self._log_gain: NDArray[np.int64] = weights.table("gain.log2", rates, m).astype(np.int64)
        self._units = torch.from_numpy(np.array(weights.table("input.multiplier", m), np.float32))
        input_bound: NDArray[np.int64] = weights.table("input.bound", m).astype(np.int64)
        self._input_bound = torch.from_numpy(input_bound.astype(np.float32))
        self._film_scale: NDArray[np.int64] = weights.table("film.scale", rates, c).astype(np.int64) + (1 << FILM_BITS)
        self._film_shift: NDArray[np.int64] = weights.table("film.shift", rates, c).astype(np.int64)
        self._check(input_bound)
        linear = weights.layer("linear", 768, m)
        order = light.two_steps().numpy()
        self._linear = Pointwise(QuantisedLayer(linear.weight[order], linear.bias[order], linear.multiplier[order]), input_bound)
        self._enter = Pointwise(weights.layer("enter", d, m), input_bound)
        self._up = Pointwise(weights.layer("up", 4 * c, d))
        self._leave = Pointwise(weights.layer("leave", 192, c))
        self._deep = [_Block(weights, f"deep.{i}", d) for i in range(shape.deep_blocks)]
        self._blocks = [_Block(weights, f"blocks.{i}", c) for i in range(shape.blocks)]

    def _check(self, input_bound: NDArray[np.int64]) -> None:
        if np.abs(self._log_gain).max() > LIMIT or input_bound.min() < 0:
            raise BoundError("gains or bounds of the latents are out of range")
        if not (bool(torch.isfinite(self._units).all()) and float(self._units.min()) > 0):
            raise BoundError("multipliers must be positive and finite")
        if (np.abs(self._film_scale) * ACTIVATION_BOUND + np.abs(self._film_shift)).max() >= EXACT:
            raise BoundError("scales and shifts of the rate leave the exact range of float32")

    def __call__(self, latents: NDArray[np.int32], rate_index: int) -> NDArray[np.float32]:
        """Reconstructed latents (h, w, M), unit 1 / 1024 -> RGB (16h, 16w, 3) in [0, 1]: multiples of 1 / 4080."""
        factor = self._factor(rate_index)
        scale, shift = (
            torch.from_numpy(interpolate(table, rate_index).astype(np.float32)) for table in (self._film_scale, self._film_shift)
        )
        height, width = latents.shape[:2]

        def enter(rows: NDArray[np.int32]) -> Tensor:
            return clip(self._enter(self._activations(rows, factor)))

        def up(rows: Tensor) -> Tensor:
            x = shuffled(clip(self._up(rows)), 2)
            return clip(x.mul_(scale).add_(shift).mul_(2.0**-FILM_BITS).round_())

        h = banded(enter, latents, torch.empty(height, width, self._enter.outputs))
        for block in self._deep:
            h = block(h)
        h = banded(up, h, torch.empty(2 * height, 2 * width, len(scale)), (1, 2))
        for block in self._blocks:
            h = block(h)
        pixels = torch.empty(16 * height, 16 * width, 3)

        def end(band: Band) -> None:
            first, last = band
            with torch.inference_mode():
                levels = light.spread(self._linear(self._activations(latents[first // 2 : last // 2], factor)))
                levels.add_(self._leave(h[first:last])).add_(_WHITE / 2).clamp_(0, _WHITE).div_(_WHITE)
                pixels[8 * first : 8 * last] = shuffled(levels, 8)

        each(end, bands(h, 2))
        rgb: NDArray[np.float32] = pixels.numpy()
        return rgb

    def _factor(self, rate_index: int) -> Tensor:
        """From latents to their integers, (M,)."""
        gain = power_of_two(interpolate(self._log_gain, rate_index), GAIN_BITS).astype(np.float32)
        return torch.from_numpy(gain * np.float32(2.0 ** -(GAIN_BITS + LATENT_BITS))).mul_(self._units)

    def _activations(self, latents: NDArray[np.int32], factor: Tensor) -> Tensor:
        y = torch.from_numpy(np.clip(latents, 1 - EXACT, EXACT - 1).astype(np.float32)).mul_(factor).round_()
        return torch.maximum(torch.minimum(y, self._input_bound), -self._input_bound)


class _Block:
    def __init__(self, weights: BoundedWeights, name: str, channels: int) -> None:
        c = channels
        shapes = {"a": (c, c), "b": (c, c), "f1": (4 * c, c), "f2": (c, 2 * c)}
        self._a, self._b, self._f1, self._f2 = (
            Pointwise(weights.layer(f"{name}.{part}", *shape)) for part, shape in shapes.items()
        )
        self._dw = Depthwise(weights.layer(f"{name}.dw", c, 3, 3))
        self._gate = torch.from_numpy(np.array(weights.table(f"{name}.gate", 2 * c), np.float32))
        if not (bool(torch.isfinite(self._gate).all()) and float(self._gate.min()) >= 0):
            raise BoundError("gates must be finite and not negative")

    def __call__(self, x: Tensor) -> Tensor:
        """(h, w, C) -> (h, w, C)."""
        out = torch.empty_like(x)

        def work(band: Band) -> None:
            with torch.inference_mode():
                self._band(x, out, *band)

        each(work, bands(x))
        return out

    def _band(self, x: Tensor, out: Tensor, first: int, last: int) -> None:
        top, bottom = max(0, first - 1), min(len(x), last + 1)
        h = clip(leaky(self._a(x[top:bottom]), _LEAK))
        # Rows beside the band stand for their neighbours; beyond the map there are zeros, as in `rows.RowBlock`.
        h = clip(self._dw(h)[first - top :][: last - first])
        y = clip(self._b(h).add_(x[first:last]))
        u, v = clip(self._f1(y)).chunk(2, 2)
        gated = clip(v.clamp_min_(0).mul_(u).mul_(self._gate).round_())
        torch.add(y, self._f2(gated), out=out[first:last])
        clip(out[first:last])
