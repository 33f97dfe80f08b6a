"""The synthesis transform in integers: equal pixels on every machine, for archives that compare hashes of what they decode.

The same weights as in floating point, rounded to units of 2^-16; activations in units of 2^-14. Evaluated as `fixed_point.py`
explains: float64 sums of integers are exact in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.config import ModelConfig
from router.codecs.neural.fixed_point import FixedConv, Integers, pixel_shuffle
from router.codecs.neural.gain import LIMIT, LOG_ONE, interpolate, power_of_two

ACTIVATION_BITS = 14
ACTIVATION_BOUND = 1 << 25
WEIGHT_BITS = 16
_GAIN_BITS = 24
_LATENT_BITS = 10
_LEAK = 655  # 0.01 in units of 2^-16


class ExactSynthesis:
    """Latents to pixels; immutable, shared between threads."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, NDArray[np.float64]]) -> None:
        """`weights`: the state dict of `Transform`. Raises KeyError or BoundError."""
        self._log_gain = np.clip(np.rint(weights["qd"] * (LOG_ONE / math.log(2))), -LIMIT, LIMIT).astype(np.int64)
        self._film = [np.rint(weights[f"film_{k}"] * (1 << ACTIVATION_BITS)).astype(np.int64) for k in ("scale", "shift")]
        self._deep = [_Block(weights, f"g_s_deep.{i}") for i in range(config.deep_blocks)]
        self._up = _conv(weights, "g_s_up.0")
        self._blocks = [_Block(weights, f"g_s.{i}") for i in range(config.synthesis_blocks)]
        self._last = _conv(weights, f"g_s.{config.synthesis_blocks}")

    def __call__(self, latents: NDArray[np.int32], rate_index: int) -> NDArray[np.float32]:
        """Reconstructed latents (h, w, M), unit 1 / 1024 -> RGB (16h, 16w, 3) in [0, 1]: multiples of 2^-14."""
        gain = power_of_two(interpolate(self._log_gain, rate_index), _GAIN_BITS)
        shift = _GAIN_BITS + _LATENT_BITS - ACTIVATION_BITS
        x = ((latents.astype(np.int64) * gain + (1 << (shift - 1))) >> shift).astype(np.float64)[None]
        x = np.clip(x, -ACTIVATION_BOUND, ACTIVATION_BOUND)
        for block in self._deep:
            x = block(x)
        x = pixel_shuffle(self._up(x), 2)
        scale, shift_by = (interpolate(table, rate_index).astype(np.float64) for table in self._film)
        x = _clipped(_divided(x * (scale + (1 << ACTIVATION_BITS)), ACTIVATION_BITS) + shift_by)
        for block in self._blocks:
            x = block(x)
        x = pixel_shuffle(self._last(x), 8)[0]
        one = 1 << ACTIVATION_BITS
        rgb: NDArray[np.float32] = (np.clip(x + one // 2, 0, one) * (1 / one)).astype(np.float32)
        return rgb


class _Block:
    def __init__(self, weights: Mapping[str, NDArray[np.float64]], name: str) -> None:
        self._a, self._dw, self._b, self._f1, self._f2 = (
            _conv(weights, f"{name}.{part}") for part in ("a", "dw", "b", "f1", "f2")
        )

    def __call__(self, x: Integers) -> Integers:
        h = self._a(x)
        h = np.where(h < 0, _divided(h * _LEAK, 16), h)
        x = _clipped(self._b(self._dw(h)) + x)
        u, v = np.split(self._f1(x), 2, axis=3)
        gated = _clipped(_divided(u * np.maximum(v, 0), ACTIVATION_BITS + 1))
        return _clipped(self._f2(gated) + x)


def _conv(weights: Mapping[str, NDArray[np.float64]], name: str) -> FixedConv:
    kernel = np.rint(weights[f"{name}.weight"] * (1 << WEIGHT_BITS)).transpose(2, 3, 1, 0)
    return FixedConv(
        weight=np.ascontiguousarray(kernel[:, :, 0] if kernel.shape[0] > 1 else kernel),
        bias=np.rint(weights[f"{name}.bias"] * (1 << (WEIGHT_BITS + ACTIVATION_BITS))),
        shift=WEIGHT_BITS,
        input_bound=ACTIVATION_BOUND,
        output_bound=ACTIVATION_BOUND,
    )


def _divided(x: Integers, bits: int) -> Integers:
    """Return x / 2^bits, rounded to the nearest, halves up; in place."""
    x += 2.0 ** (bits - 1)
    x *= 2.0**-bits
    return np.floor(x, out=x)


def _clipped(x: Integers) -> Integers:
    return np.clip(x, -ACTIVATION_BOUND, ACTIVATION_BOUND, out=x)
