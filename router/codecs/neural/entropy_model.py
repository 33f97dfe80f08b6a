"""The prior in integers: hyper-latents, and in the second pass the latents of the first -> scale index and mean of every latent.

All that encoder and decoder must agree on is here, in `gain.py` and in the frequency tables, and all of it is integers
(`fixed_point.py`). The network is that of `training/codec/prior.py`: hyper-synthesis, then a context model that sees, at every
position, half of the channels there and the other half of the channels of its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router.codecs.neural.config import ModelConfig
from router.codecs.neural.fixed_point import FixedConv, Integers, leaky, pixel_shuffle
from router.codecs.neural.gain import Gain
from router.codecs.neural.tables import SCALE_COUNT, SCALE_MIN, SCALE_STEP

ACTIVATION_BITS = 10
"""Hyper-latents, activations and known latents are in units of 2^-10 ..."""
ACTIVATION_BOUND = 1 << 22
"""... and within +-2^22 of them."""
WEIGHT_BITS = 14
"""Weights are in units of 2^-14, sums and biases in units of 2^-24."""

LATENT_ONE = 1 << 10
"""Latents and their means are in units of 1 / 1024."""
HEAD_BOUND = 1 << 25
"""The outputs of the heads lie within +-2^25. Means are in units of 2^-14, before the gain ..."""
SCALE_BITS = 10
"""... log scales in units of 2^-10 of a step between scale indices, counted from SCALE_MIN, before the gain ..."""
SCALE_LOW, SCALE_HIGH = -43_432, 39_043
"""... and within this range: scales within e^-8 .. e^3."""
STEPS_PER_OCTAVE = 83_152
"""ln 2 / SCALE_STEP * 2^14: a log gain in units of 2^-16 octaves times this, over 2^20, is in units of 2^-10 of a step."""

LAYERS = ("h1", "h2", "h3", "head", "c1", "dw", "c2", "context_head")
_HEADS = ("head", "context_head")
_LEAK = 3
_MEAN_BOUND = 1 << 29
_MEAN_BITS = 14


@dataclass(frozen=True)
class Parameters:
    """What the latents of one pass are coded with, in the order of the pass: (n,) each."""

    scales: NDArray[np.uint8]
    """Scale indices."""
    means: NDArray[np.int32]
    """Unit 1 / LATENT_ONE."""


@dataclass(frozen=True)
class Order:
    """Where the latents of one pass are in a flat (h, w, M) array, ascending: (n,) each."""

    latent: NDArray[np.signedinteger[Any]]
    channel: NDArray[np.uint16]

    @property
    def scale(self) -> NDArray[np.intp]:
        """Place of the latent's log scale in a flat (h, w, 2M) array; that of its mean is M further. Computed: it is large."""
        place: NDArray[np.intp] = self.latent.astype(np.intp)
        place *= 2
        place -= self.channel
        return place


class IntegerPrior:
    """The network at work; immutable, shared between threads."""

    def __init__(self, config: ModelConfig, weights: Mapping[str, NDArray[np.int64]], medians: NDArray[np.int64]) -> None:
        """`weights`: `<layer>.weight` and `<layer>.bias` as exported. Raises KeyError, BoundError or ValueError."""
        self.latents = config.latents
        self._medians = medians.astype(np.float64)
        self._layers = {name: _layer(name, config, weights) for name in LAYERS}

    def features(self, hyper: NDArray[np.int32]) -> Integers:
        """Hyper-latents (B, h, w, N) -> features (B, 4h, 4w, F)."""
        z = hyper * float(1 << ACTIVATION_BITS) + self._medians
        h = np.clip(z, -ACTIVATION_BOUND, ACTIVATION_BOUND)
        for name in ("h1", "h2"):
            h = leaky(pixel_shuffle(self._layers[name](h)), _LEAK)
        return leaky(self._layers["h3"](h), _LEAK)

    def first(self, features: Integers) -> Integers:
        """(B, h, w, 2M): log scales, then means, as the hyper-latents alone give them."""
        return self._layers["head"](features)

    def second(self, features: Integers, first: Integers, known: Integers) -> Integers:
        """(B, h, w, 2M) given `known` (B, h, w, M), see `as_known`; zero where nothing is known yet."""
        h = leaky(self._layers["c1"](np.concatenate([features, known], axis=3)), _LEAK)
        h = leaky(self._layers["c2"](self._layers["dw"](h)), _LEAK)
        context = self._layers["context_head"](h)
        context += first
        return context

    def parameters(self, prior: Integers, order: Order, gain: Gain) -> Parameters:
        """Scale indices and means of one pass from (h, w, 2M)."""
        flat, place = prior.reshape(-1), order.scale
        steps = np.clip(flat[place], SCALE_LOW, SCALE_HIGH)
        steps += ((gain.log2 * STEPS_PER_OCTAVE + (1 << 19)) >> 20).astype(np.float64)[order.channel]
        index = np.floor((steps + (1 << (SCALE_BITS - 1))) * 2.0**-SCALE_BITS)
        place += self.latents
        means = flat[place] * gain.forward.astype(np.float64)[order.channel]  # below 2^52
        means = np.floor((means + (1 << 19)) * 2.0**-20)
        return Parameters(
            np.clip(index, 0, SCALE_COUNT - 1).astype(np.uint8),
            np.clip(means, -_MEAN_BOUND, _MEAN_BOUND).astype(np.int32),
        )


def as_known(latents: NDArray[np.int32], order: Order, gain: Gain) -> Integers:
    """Latents (n,), unit 1 / LATENT_ONE, over their gain, as the context model takes them."""
    scaled = (latents.astype(np.int64) * gain.inverse[order.channel] + (1 << 19)) >> 20
    known: Integers = np.clip(scaled, -ACTIVATION_BOUND, ACTIVATION_BOUND).astype(np.float64)
    return known


def passes(height: int, width: int, channels: int) -> tuple[Order, Order]:
    """The two passes over latents (height, width, channels): where row + column + channel is even, and where it is odd.

    Those of the last shapes are kept, `KEPT_BYTES` in all or the last one alone: a tiled image has four shapes.
    """
    shape = (height, width, channels)
    known = _KNOWN.get(shape)
    if known is None:
        known = _passes(*shape)
        room = KEPT_BYTES - _bytes(known)
        # No lock: single dictionary operations are atomic, and computing something twice does no harm.
        for old in list(_KNOWN):
            if sum(map(_bytes, list(_KNOWN.values()))) <= room:
                break
            _KNOWN.pop(old, None)
        _KNOWN[shape] = known
    return known


KEPT_BYTES = 64 << 20
_KNOWN: dict[tuple[int, int, int], tuple[Order, Order]] = {}


def _bytes(orders: tuple[Order, Order]) -> int:
    return sum(array.nbytes for order in orders for array in (order.latent, order.channel))


def _passes(height: int, width: int, channels: int) -> tuple[Order, Order]:
    i, j, c = np.ogrid[:height, :width, :channels]
    odd = ((i + j + c) & 1).astype(np.bool_).reshape(-1)
    return _order(np.flatnonzero(~odd), channels), _order(np.flatnonzero(odd), channels)


def _order(latent: NDArray[np.intp], channels: int) -> Order:
    channel = (latent % channels).astype(np.uint16)
    # 6 bytes a latent and not 24: what is kept of four shapes counts for more than the conversion.
    return Order(latent.astype(np.int32) if latent.size < 1 << 29 else latent, channel)


def quantised(name: str, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Integers of a layer from its floating-point weight (out, in, k, k) and bias (out,); scale heads are put into steps."""
    weight, bias = weight.copy(), bias.copy()
    if name in _HEADS:
        m = len(bias) // 2
        if name == "head":
            bias[:m] -= math.log(SCALE_MIN)
        unit = np.concatenate([np.full(m, 1 / SCALE_STEP), np.full(m, 2.0 ** (_MEAN_BITS - ACTIVATION_BITS))])
        weight *= unit[:, None, None, None]
        bias *= unit
    return (
        np.rint(weight * (1 << WEIGHT_BITS)).astype(np.int64),
        np.rint(bias * (1 << (ACTIVATION_BITS + WEIGHT_BITS))).astype(np.int64),
    )


def _layer(name: str, config: ModelConfig, weights: Mapping[str, NDArray[np.int64]]) -> FixedConv:
    n, f, m = config.hyper, config.prior, config.latents
    shape = {
        "h1": (4 * n, n, 1, 1),
        "h2": (4 * n, n, 3, 3),
        "h3": (f, n, 3, 3),
        "head": (2 * m, f, 1, 1),
        "c1": (f, f + m, 1, 1),
        "dw": (f, 1, 5, 5),
        "c2": (f, f, 1, 1),
        "context_head": (2 * m, f, 1, 1),
    }[name]
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    if weight.shape != shape or bias.shape != shape[:1]:
        raise ValueError(f"layer {name} of the prior has the wrong shape")
    kernel = weight.astype(np.float64).transpose(2, 3, 1, 0)
    return FixedConv(
        weight=np.ascontiguousarray(kernel[:, :, 0] if name == "dw" else kernel),
        bias=bias.astype(np.float64),
        shift=WEIGHT_BITS,
        input_bound=ACTIVATION_BOUND,
        output_bound=HEAD_BOUND if name in _HEADS else ACTIVATION_BOUND,
    )
