"""The light synthesis on bounded integers: the one decoding of its models, equal on every machine.

The network is that of `light.py`. What a file holds of it are integers and the multipliers between their units (`bounded.py`);
nothing is derived from floating-point weights when it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural.bounded import (
    Depthwise,
    Pointwise,
    QuantisedLayer,
    clip,
    layers_of,
    leaky,
    shuffle,
)
from router.codecs.neural.config import LightSynthesis
from router.codecs.neural.gain import interpolate, power_of_two

PIXEL_BITS = 4
"""Outputs of both paths are in units of 1 / 16 of an 8-bit level."""
GAIN_BITS = 24
"""Gains of the rate are in units of 2^-24 ..."""
LATENT_BITS = 10
"""... and latents in units of 2^-10."""
FILM_BITS = 10
"""Scales and shifts of the rate: units of 2^-10; shifts of an activation's unit."""
_LEAK = 3


@dataclass(frozen=True)
class BoundedWeights:
    """Everything a file holds of a synthesis, by name; see `names`."""

    arrays: Mapping[str, NDArray[np.generic]]

    def layer(self, name: str) -> QuantisedLayer:
        """One convolution. Raises KeyError or ValueError."""
        return layers_of(self.arrays, name)


class BoundedSynthesis:
    """Latents to pixels; immutable, shared between threads."""

    def __init__(self, shape: LightSynthesis, weights: BoundedWeights) -> None:
        """Raises KeyError, ValueError or BoundError where the weights do not fit."""
        arrays: Mapping[str, Any] = weights.arrays
        self._log_gain: NDArray[np.int64] = arrays["gain.log2"].astype(np.int64)
        self._units = torch.from_numpy(np.asarray(arrays["input.multiplier"], np.float32))
        input_bound: NDArray[np.int64] = arrays["input.bound"].astype(np.int64)
        self._input_bound = torch.from_numpy(input_bound.astype(np.float32))
        self._film_scale: NDArray[np.int64] = arrays["film.scale"].astype(np.int64)
        self._film_shift: NDArray[np.int64] = arrays["film.shift"].astype(np.int64)
        self._linear, self._enter = (Pointwise(weights.layer(name), input_bound) for name in ("linear", "enter"))
        self._up, self._leave = (Pointwise(weights.layer(name)) for name in ("up", "leave"))
        self._deep = [_Block(weights, f"deep.{i}") for i in range(shape.deep_blocks)]
        self._blocks = [_Block(weights, f"blocks.{i}") for i in range(shape.blocks)]

    @torch.inference_mode()
    def __call__(self, latents: NDArray[np.int32], rate_index: int) -> NDArray[np.uint8]:
        """Reconstructed latents (h, w, M), unit 1 / 1024 -> RGB (16h, 16w, 3)."""
        y = self._activations(latents, rate_index)
        pixels = shuffle(self._linear(y), 16)
        h = clip(self._enter(y))
        for block in self._deep:
            h = block(h)
        h = self._at_rate(shuffle(clip(self._up(h)), 2), rate_index)
        for block in self._blocks:
            h = block(h)
        pixels += shuffle(self._leave(h), 8)
        pixels.mul_(2.0**-PIXEL_BITS).add_(127.5).round_().clamp_(0, 255)
        rgb: NDArray[np.uint8] = pixels.to(torch.uint8).numpy()
        return rgb

    def _activations(self, latents: NDArray[np.int32], rate_index: int) -> Tensor:
        """Latents times the gain of the rate, in units of each channel."""
        gain = power_of_two(interpolate(self._log_gain, rate_index), GAIN_BITS).astype(np.float32)
        factor = torch.from_numpy(gain * np.float32(2.0 ** -(GAIN_BITS + LATENT_BITS))) * self._units
        bound = (1 << 24) - 1
        y = torch.from_numpy(np.clip(latents, -bound, bound)).float().mul_(factor).round_()
        return torch.maximum(torch.minimum(y, self._input_bound), -self._input_bound)

    def _at_rate(self, x: Tensor, rate_index: int) -> Tensor:
        scale = torch.from_numpy((interpolate(self._film_scale, rate_index) + (1 << FILM_BITS)).astype(np.float32))
        shift = torch.from_numpy(interpolate(self._film_shift, rate_index).astype(np.float32))
        return clip(x.mul_(scale).add_(shift).mul_(2.0**-FILM_BITS).round_())


class _Block:
    def __init__(self, weights: BoundedWeights, name: str) -> None:
        self._a, self._b, self._f1, self._f2 = (Pointwise(weights.layer(f"{name}.{part}")) for part in ("a", "b", "f1", "f2"))
        self._dw = Depthwise(weights.layer(f"{name}.dw"))
        self._gate = torch.from_numpy(np.asarray(weights.arrays[f"{name}.gate"], np.float32))

    def __call__(self, x: Tensor) -> Tensor:
        h = clip(leaky(self._a(x), _LEAK))
        x = clip(self._b(clip(self._dw(h))).add_(x))
        u, v = clip(self._f1(x)).chunk(2, 2)
        gated = clip(v.clamp_min_(0).mul_(u).mul_(self._gate).round_())
        return clip(self._f2(gated).add_(x))
