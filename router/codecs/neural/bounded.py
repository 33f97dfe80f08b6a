"""Layers on integers that are held in float32: exact on every machine, at the speed of floating point.

Every value is an integer, and every sum of products stays below 2^24, so that float32 adds without rounding, in any order and on
any number of threads: x86, ARM and CUDA agree to the last bit (the idea of `fixed_point.py` with narrower integers, after Ballé,
Johnston and Minnen, "Integer networks for data compression with latent-variable models", ICLR 2019). Between layers a sum is
multiplied by one float32 number a channel and rounded to the nearest integer, halves to even: two operations that IEEE 754
defines to the last bit.

The bound follows from the weights and from the range to which activations are clipped, and is checked when a layer is made.
Weights are as wide as the bound allows: about 8 bits for 200 inputs of 12 bits. Arrays are (h, w, C), so that a 1x1 convolution
is one matrix product: no Winograd, no FFT, and no reduced precision unless somebody switches it on for matrix products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural.fixed_point import BoundError

EXACT = 1 << 24
"""Integers up to this magnitude are exact in float32."""
ACTIVATION_BOUND = 2047
"""Activations are clipped to +-2047: 12 bits with their sign."""
LARGEST_WEIGHT = int(np.iinfo(np.int16).max)


@dataclass(frozen=True)
class QuantisedLayer:
    """What a file holds of one layer. Multipliers are float32 and exact: they are part of the arithmetic."""

    weight: NDArray[np.int16]
    """(out, in), or (channels, 3, 3) where the convolution is depthwise."""
    bias: NDArray[np.int32]
    """(out,), in the unit of the sums."""
    multiplier: NDArray[np.float32]
    """(out,): from the unit of the sums to the unit of the outputs."""


def quantise(
    weight: NDArray[np.float64],
    bias: NDArray[np.float64],
    input_unit: NDArray[np.float64],
    output_unit: NDArray[np.float64],
    input_bound: NDArray[np.int64] | int = ACTIVATION_BOUND,
) -> QuantisedLayer:
    """Integers of a layer whose input and output integers stand for multiples of units, one for each channel.

    `weight`: (out, in) or (channels, 3, 3), `bias`: (out,), both in real numbers; `input_unit`: (in,), `output_unit`: (out,);
    `input_bound`: (in,) or one for all. Every row gets the finest step with which its sums stay below the bound and its weights
    within 16 bits.
    """
    rows = weight.reshape(len(weight), -1)
    scaled = rows * (input_unit[:, None] if weight.ndim == 3 else input_unit)
    bounds = np.broadcast_to(np.asarray(input_bound, np.float64), (rows.shape[1],))
    reach = np.abs(scaled) @ bounds + np.abs(bias)
    room = EXACT - 1 - bounds.sum() / 2 - 0.5  # rounding may raise every weight, and the bias, by a half
    step = np.maximum(reach / room, np.abs(scaled).max(1) / LARGEST_WEIGHT)
    step = np.where(step > 0, step, output_unit)
    layer = QuantisedLayer(
        np.rint(scaled / step[:, None]).reshape(weight.shape).astype(np.int16),
        np.rint(bias / step).astype(np.int32),
        (step / output_unit).astype(np.float32),
    )
    check(layer, input_bound)
    return layer


def check(layer: QuantisedLayer, input_bound: NDArray[np.int64] | int = ACTIVATION_BOUND) -> None:
    """Raise BoundError unless every sum of the layer stays below 2^24 for any input within the bound."""
    weight = np.abs(layer.weight.astype(np.int64)).reshape(len(layer.weight), -1)
    bounds = np.broadcast_to(np.asarray(input_bound, np.int64), (weight.shape[1],))
    reach = int((weight @ bounds + np.abs(layer.bias.astype(np.int64))).max(initial=0))
    if reach >= EXACT:
        raise BoundError(f"sums may reach {reach}, float32 is exact below {EXACT}")
    if not (np.isfinite(layer.multiplier).all() and (layer.multiplier > 0).all()):
        raise BoundError("multipliers must be positive and finite")


class Pointwise:
    """A 1x1 convolution."""

    def __init__(self, layer: QuantisedLayer, input_bound: NDArray[np.int64] | int = ACTIVATION_BOUND) -> None:
        """Raises BoundError."""
        check(layer, input_bound)
        self._weight = torch.from_numpy(layer.weight.astype(np.float32)).t().contiguous()
        self._bias = torch.from_numpy(layer.bias.astype(np.float32))
        self._multiplier = torch.from_numpy(layer.multiplier.copy())
        self.outputs = len(layer.bias)

    def __call__(self, x: Tensor) -> Tensor:
        """(h, w, in) -> (h, w, out): products of one unit, rounded to integers of the output's unit, not clipped."""
        flat = torch.addmm(self._bias, x.reshape(-1, x.shape[2]), self._weight)
        return flat.mul_(self._multiplier).round_().view(*x.shape[:2], -1)


class Depthwise:
    """A depthwise 3x3 convolution with zero padding."""

    def __init__(self, layer: QuantisedLayer) -> None:
        """Raises BoundError."""
        check(layer)
        self._weight = torch.from_numpy(layer.weight.astype(np.float32))[:, None].contiguous()
        self._bias = torch.from_numpy(layer.bias.astype(np.float32))
        self._multiplier = torch.from_numpy(layer.multiplier.copy())

    def __call__(self, x: Tensor) -> Tensor:
        """(h, w, C) -> (h, w, C), as `Pointwise`."""
        planes = x.permute(2, 0, 1)[None]
        out = F.conv2d(planes, self._weight, self._bias, padding=1, groups=x.shape[2])
        return out[0].permute(1, 2, 0).mul_(self._multiplier).round_()


def clip(x: Tensor) -> Tensor:
    """To the range of activations, in place."""
    return x.clamp_(-ACTIVATION_BOUND, ACTIVATION_BOUND)


def leaky(x: Tensor, shift: int) -> Tensor:
    """Negative integers over 2^shift, rounded to the nearest, halves to even; in place."""
    return F.leaky_relu_(x, 2.0**-shift).round_()


def layers_of(arrays: Mapping[str, NDArray[np.generic]], name: str) -> QuantisedLayer:
    """The layer `name` of a file. Raises KeyError or ValueError."""
    weight, bias, multiplier = (arrays[f"{name}.{part}"] for part in ("weight", "bias", "multiplier"))
    if weight.dtype != np.int16 or bias.dtype != np.int32 or multiplier.dtype != np.float32:
        raise ValueError(f"layer {name} has another type")
    return QuantisedLayer(weight, bias, multiplier)  # type: ignore[arg-type]
