"""Bounded integers of a light synthesis from its floating-point weights and from what flows through it.

Units follow from what photographs send through the network: the largest magnitude of a channel becomes the bound of its integers.
The latents have a unit and a bound for each channel: a sum's step is then free of the units, and of the two roundings, that of
the latent and that of its weights, neither outweighs the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from router.codecs.neural.block import Block
from router.codecs.neural.bounded import ACTIVATION_BOUND, EXACT, quantise
from router.codecs.neural.bounded_synthesis import FILM_BITS, PIXEL_BITS, BoundedWeights
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.gain import LIMIT, LOG_ONE
from router.codecs.neural.transform import Transform

Unit = NDArray[np.float64]


class Observer:
    """Largest magnitudes of every channel at every place where the integer synthesis clips: (C,) each."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform
        self._square = np.zeros(transform.config.latents)
        self._count = 0
        self.input: NDArray[np.float64] = np.zeros(transform.config.latents)
        self.places: dict[str, NDArray[np.float64]] = {}

    @property
    def input_rms(self) -> NDArray[np.float64]:
        """Root mean square of the latents over their gain, (M,)."""
        return np.sqrt(self._square / max(1, self._count))

    @torch.no_grad()
    def see(self, y_hat: Tensor, position: Tensor) -> None:
        """Quantised scaled latents (1, M, h, w) at a rate position (1,)."""
        t = self._transform
        s = t.g_s
        y = y_hat * torch.exp(t.at(t.qd, position))
        self.input = np.maximum(self.input, y.abs().amax((0, 2, 3)).double().cpu().numpy())
        self._square += y.square().sum((0, 2, 3)).double().cpu().numpy()
        self._count += y[:, 0].numel()
        h = s.enter(y)
        self._note("deep", h)
        for i, block in enumerate(s.deep):
            h = self._block(block, h, "deep", f"deep.{i}")
        h = torch.nn.functional.pixel_shuffle(s.up(h), 2)
        self._note("blocks", h)
        h = h * (1 + t.at(t.film_scale, position)) + t.at(t.film_shift, position)
        self._note("blocks", h)
        for i, block in enumerate(s.blocks):
            h = self._block(block, h, "blocks", f"blocks.{i}")

    def _block(self, block: Block, x: Tensor, stream: str, name: str) -> Tensor:
        h = torch.nn.functional.leaky_relu(block.a(x), block.slope)
        self._note(f"{name}.a", h)
        h = block.dw(h)
        self._note(f"{name}.dw", h)
        x = x + block.b(h)
        self._note(stream, x)
        f = block.f1(x)
        self._note(f"{name}.f1", f)
        u, v = f.chunk(2, 1)
        gated = u * v.clamp_min(0) * 0.5
        self._note(f"{name}.gated", gated)
        x = x + block.f2(gated)
        self._note(stream, x)
        return x

    def _note(self, place: str, x: Tensor) -> None:
        most = x.abs().amax((0, 2, 3)).double().cpu().numpy()
        self.places[place] = np.maximum(self.places.get(place, 0.0), most)


def observe(transform: Transform, seen: Iterable[tuple[Tensor, Tensor]]) -> Observer:
    """An observer that has seen (latents, rate position) pairs."""
    observer = Observer(transform)
    for y_hat, position in seen:
        observer.see(y_hat, position)
    return observer


@dataclass(frozen=True)
class Units:
    """What an integer of every channel stands for."""

    input: Unit
    """(M,): of the latents over their gain."""
    input_bound: Unit
    """(M,): whole numbers to which their integers are clipped."""
    places: Mapping[str, Unit]
    """(C,) each, by the names of `places`."""


def places(config: ModelConfig) -> dict[str, int]:
    """Where a light synthesis clips, and how many channels it has there."""
    light = config.light
    if light is None:
        raise ValueError("only a light synthesis has bounded integers")
    found = {"deep": light.deep_channels, "blocks": light.channels}
    for stream, count in (("deep", light.deep_blocks), ("blocks", light.blocks)):
        c = found[stream]
        for i in range(count):
            found |= {f"{stream}.{i}.{part}": c * times for part, times in (("a", 1), ("dw", 1), ("f1", 4), ("gated", 2))}
    return found


def units(transform: Transform, photographs: Observer, extremes: Observer | None = None, margin: float = 1.5) -> Units:
    """Units from what flows through a transform.

    Args:
        transform: with a light synthesis; ValueError for another.
        photographs: has seen photographs; the bounds within the network are taken from it. What is further out is clipped:
            the gates multiply, and what extremes send through a network that has never seen them would leave photographs no bits.
        extremes: has seen what lies at the ends of the range; the bounds of the latents hold for it too, so that the linear path
            keeps what it gets.
        margin: of the bounds over what was seen. Rounding costs in proportion, 0.03 squared levels at 1.5.
    """
    if transform.config.light is None:
        raise ValueError("only a light synthesis has bounded integers")
    linear = np.abs(transform.state_dict()["g_s.linear.weight"].detach().cpu().double().numpy()[:, :, 0, 0])
    reach = photographs.input if extremes is None else np.maximum(photographs.input, extremes.input)
    most = margin * np.maximum(reach, 1e-3)
    step = float((linear @ most).mean()) / EXACT
    weight_rms = np.sqrt(np.square(linear).mean(0))
    inputs = np.sqrt(step * np.maximum(photographs.input_rms, 1e-4) / np.maximum(weight_rms, 1e-6))
    inputs = np.maximum(inputs, most / np.iinfo(np.int16).max)
    found = {k: np.maximum(margin * v, 1e-6 * v.max() + 1e-9) / ACTIVATION_BOUND for k, v in photographs.places.items()}
    return Units(inputs, np.ceil(most / inputs), found)


def bounded_weights(transform: Transform, found: Units) -> BoundedWeights:
    """The arrays of a `BoundedSynthesis` in the units `found`."""
    light = transform.config.light
    if light is None:
        raise ValueError("only a light synthesis has bounded integers")
    state = {k: v.detach().cpu().double().numpy() for k, v in transform.state_dict().items()}
    unit, inputs, input_bound = found.places, found.input, found.input_bound.astype(np.int64)
    arrays: dict[str, NDArray[Any]] = {
        "gain.log2": np.clip(np.rint(state["qd"] / math.log(2) * LOG_ONE), -LIMIT, LIMIT).astype(np.int32),
        "input.multiplier": (1 / inputs).astype(np.float32),
        "input.bound": input_bound.astype(np.int32),
        "film.scale": np.rint(state["film_scale"] * (1 << FILM_BITS)).astype(np.int32),
        "film.shift": np.rint(state["film_shift"] / unit["blocks"] * (1 << FILM_BITS)).astype(np.int32),
    }

    def layer(
        name: str,
        input_unit: NDArray[np.float64],
        output_unit: NDArray[np.float64],
        bound: NDArray[np.int64] | int = ACTIVATION_BOUND,
    ) -> None:
        weight, bias = state[f"g_s.{name}.weight"], state[f"g_s.{name}.bias"]
        weight = weight[:, 0] if weight.shape[2] > 1 else weight[:, :, 0, 0]
        result = quantise(weight, bias, input_unit, output_unit, bound)
        arrays.update({f"{name}.weight": result.weight, f"{name}.bias": result.bias, f"{name}.multiplier": result.multiplier})

    def block(name: str, stream: NDArray[np.float64]) -> None:
        layer(f"{name}.a", stream, unit[f"{name}.a"])
        layer(f"{name}.dw", unit[f"{name}.a"], unit[f"{name}.dw"])
        layer(f"{name}.b", unit[f"{name}.dw"], stream)
        layer(f"{name}.f1", stream, unit[f"{name}.f1"])
        layer(f"{name}.f2", unit[f"{name}.gated"], stream)
        u, v = np.split(unit[f"{name}.f1"], 2)
        arrays[f"{name}.gate"] = (0.5 * u * v / unit[f"{name}.gated"]).astype(np.float32)

    pixel = 1 / 255 / (1 << PIXEL_BITS)
    layer("linear", inputs, np.full(768, pixel), input_bound)
    layer("enter", inputs, unit["deep"], input_bound)
    for i in range(light.deep_blocks):
        block(f"deep.{i}", unit["deep"])
    layer("up", unit["deep"], np.repeat(unit["blocks"], 4))
    for i in range(light.blocks):
        block(f"blocks.{i}", unit["blocks"])
    layer("leave", unit["blocks"], np.full(192, pixel))
    return BoundedWeights(arrays)
