"""Integer layers: equal to 64-bit integer arithmetic everywhere, and refused where they could not be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.codecs.neural.fixed_point import BoundError, FixedConv, leaky, pixel_shuffle

Ints = NDArray[np.int64]


def by_integers(x: Ints, weight: Ints, bias: Ints, shift: int, bound: int) -> Ints:
    """(B, h, w, in) and weights as `FixedConv` has them, in torch's int64 convolution."""
    kernel = weight[:, :, None] if weight.ndim == 3 else weight
    total = F.conv2d(
        torch.from_numpy(x).permute(0, 3, 1, 2),
        torch.from_numpy(kernel).permute(3, 2, 0, 1),
        torch.from_numpy(bias),
        padding=weight.shape[0] // 2,
        groups=weight.shape[2] if weight.ndim == 3 else 1,
    )
    rounded = (total.permute(0, 2, 3, 1).numpy() + (1 << (shift - 1))) >> shift
    return np.clip(rounded, -bound, bound)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Ints, Ints, Ints, int, int, int]:
    """Input, weight, bias, shift, input bound, output bound; the first output's sums may reach 2^53 - 1 exactly."""
    side, depthwise = draw(st.sampled_from([1, 3, 5])), draw(st.booleans())
    inputs, outputs, shift = draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.integers(1, 20))
    shape = (side, side, inputs) if depthwise else (side, side, inputs, outputs)
    outputs = shape[-1]
    taps = int(np.prod(shape[:-1]))
    bound = 1 << draw(st.integers(4, 26))
    largest = draw(st.integers(1, max(1, min(1 << 30, (1 << 52) // (taps * bound)))))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weight = rng.integers(-largest, largest + 1, shape)
    x = rng.integers(-bound, bound + 1, (draw(st.integers(1, 3)), draw(st.integers(1, 6)), draw(st.integers(1, 6)), inputs))
    x = np.where(rng.random(x.shape) < draw(st.sampled_from([0.0, 0.3, 1.0])), np.sign(x) * bound, x)
    spare = (1 << 53) - 1 - (1 << shift) - np.abs(weight).sum((0, 1) if depthwise else (0, 1, 2)) * bound
    bias = rng.integers(-spare, spare + 1)
    if draw(st.booleans()):
        bias[0] = draw(st.sampled_from([-1, 1])) * spare[0]
    return x, weight, bias, shift, bound, 1 << draw(st.integers(3, 52))


@given(layers())
@settings(max_examples=150, deadline=None)
def test_a_layer_equals_integer_arithmetic(layer: tuple[Ints, Ints, Ints, int, int, int]) -> None:
    x, weight, bias, shift, input_bound, output_bound = layer
    conv = FixedConv(weight.astype(float), bias.astype(float), shift, input_bound, output_bound)
    assert conv.depthwise == (weight.ndim == 3)
    found = conv(x.astype(float))
    assert found.shape == (*x.shape[:3], len(bias))
    assert np.array_equal(found, by_integers(x, weight, bias, shift, output_bound))
    for k in range(len(x)):
        assert np.array_equal(conv(x[k : k + 1].astype(float))[0], found[k])


@given(layers(), st.integers(0, 6), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_layer_is_refused_exactly_when_its_sums_may_reach_2_53(
    layer: tuple[Ints, Ints, Ints, int, int, int], at: int, over: int
) -> None:
    _, weight, bias, shift, input_bound, output_bound = layer
    at %= len(bias)
    reach = int(np.abs(weight[..., at]).sum()) * input_bound + (1 << shift)
    edge = bias.copy()
    edge[at] = (1 << 53) - 1 - reach
    FixedConv(weight.astype(float), edge.astype(float), shift, input_bound, output_bound)
    edge[at] = -(1 << 53) + reach - over
    with pytest.raises(BoundError, match="exact below"):
        FixedConv(weight.astype(float), edge.astype(float), shift, input_bound, output_bound)


@pytest.mark.parametrize("broken", [0.5, np.nan, np.inf])
def test_only_integers_are_weights(broken: float) -> None:
    weight, bias = np.ones((1, 1, 2, 2)), np.ones(2)
    FixedConv(weight, bias, 4, 8, 8)
    for array in (weight, bias):
        before = array.flat[1]
        array.flat[1] = broken
        with pytest.raises(BoundError):
            FixedConv(weight, bias, 4, 8, 8)
        array.flat[1] = before


@given(st.lists(st.integers(-(2**22), 2**22), min_size=1, max_size=50), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_leaky(values: list[int], shift: int) -> None:
    assert leaky(np.array(values, float), shift).tolist() == [max(v, v >> shift) for v in values]


@pytest.mark.parametrize("factor", [2, 8])
def test_pixel_shuffle_is_that_of_torch(factor: int) -> None:
    x = np.random.default_rng(0).integers(-1000, 1000, (2, 3, 5, 3 * factor**2)).astype(float)
    expected = F.pixel_shuffle(torch.from_numpy(x).permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)
    assert np.array_equal(pixel_shuffle(x, factor), expected.numpy())
