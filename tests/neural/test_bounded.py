"""The synthesis on bounded integers: float32 sums are those of 64-bit integers, pixels those of the twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from router.codecs.neural.bounded import ACTIVATION_BOUND, EXACT, Depthwise, Pointwise, QuantisedLayer, check, quantise
from router.codecs.neural.bounded_synthesis import BoundedSynthesis, BoundedWeights
from router.codecs.neural.config import LightShape, ModelConfig
from router.codecs.neural.fixed_point import BoundError
from router.codecs.neural.gain import RATE_MAX
from router.codecs.neural.light import linear_start
from router.codecs.neural.transform import Transform
from training.codec.bounded import Units, bounded_weights, observe, units
from training.codec.rounding import Rounding

SHAPE = LightShape(channels=16, blocks=1, deep_channels=24, deep_blocks=1)
CONFIG = ModelConfig(channels=192, latents=32, hyper=8, analysis_blocks=1, synthesis_blocks=1, prior=16, rates=3, light=SHAPE)


def _rounded(sums: NDArray[np.int64], layer: QuantisedLayer) -> NDArray[np.float32]:
    return np.rint(sums.astype(np.float32) * layer.multiplier)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), inputs=st.integers(1, 400), outputs=st.integers(1, 40), spread=st.floats(1e-3, 1e3))
def test_sums_of_float32_are_sums_of_integers_for_the_worst_inputs(seed: int, inputs: int, outputs: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.standard_t(2, (outputs, inputs)) * spread
    layer = quantise(weight, rng.normal(0, spread, outputs), np.full(inputs, 0.01), np.full(outputs, 0.02))
    worst = np.sign(layer.weight) * ACTIVATION_BOUND  # each row's largest sum is among these
    x = np.concatenate([worst, rng.integers(-ACTIVATION_BOUND, ACTIVATION_BOUND + 1, (7, inputs))])
    sums = x.astype(np.int64) @ layer.weight.astype(np.int64).T + layer.bias
    assert np.abs(sums).max() < EXACT
    out = Pointwise(layer)(torch.from_numpy(x.astype(np.float32))[None])[0].numpy()
    np.testing.assert_array_equal(out, _rounded(sums, layer))


def test_depthwise_sums_are_sums_of_integers() -> None:
    rng = np.random.default_rng(1)
    layer = quantise(rng.normal(0, 1, (5, 3, 3)), rng.normal(0, 1, 5), np.full(5, 0.01), np.full(5, 0.02))
    x = rng.integers(-ACTIVATION_BOUND, ACTIVATION_BOUND + 1, (9, 11, 5))
    framed = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    sums = layer.bias + sum(
        framed[i : i + 9, j : j + 11] * layer.weight[:, i, j].astype(np.int64) for i in range(3) for j in range(3)
    )
    np.testing.assert_array_equal(Depthwise(layer)(torch.from_numpy(x.astype(np.float32))).numpy(), _rounded(sums, layer))


def test_weights_that_could_leave_the_exact_range_are_refused() -> None:
    layer = QuantisedLayer(np.full((1, 10), 900, np.int16), np.zeros(1, np.int32), np.ones(1, np.float32))
    with pytest.raises(BoundError, match="sums may reach"):
        check(layer)
    check(layer, 1000)
    with pytest.raises(BoundError, match="multipliers"):
        check(QuantisedLayer(np.ones((1, 1), np.int16), np.zeros(1, np.int32), np.array([np.nan], np.float32)))


@pytest.fixture(scope="module")
def transform() -> Transform:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = Transform(CONFIG).eval().requires_grad_(False)
        linear_start(model.g_s, torch.linalg.qr(torch.randn(768, 32))[0].T)
        for name, parameter in model.g_s.named_parameters():
            if name.endswith(("b.weight", "f2.weight", "leave.weight")):
                parameter.normal_(0, 0.05)
        model.film_scale.normal_(0, 0.1)
        model.film_shift.normal_(0, 0.05)
    return model


def _latents(seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.laplace(0, 3, (1, 32, 6, 5)).round().clip(-9, 9).astype(np.float32))


@pytest.fixture(scope="module")
def seen(transform: Transform) -> Units:
    return units(transform, observe(transform, [(_latents(i), torch.tensor([p])) for i in range(4) for p in (0.0, 0.7, 2.0)]))


@pytest.fixture(scope="module")
def weights(transform: Transform, seen: Units) -> BoundedWeights:
    return bounded_weights(transform, seen)


@pytest.mark.parametrize("position", [0.0, 0.7, 2.0])
def test_integers_say_what_the_floating_point_twin_says(transform: Transform, weights: BoundedWeights, position: float) -> None:
    y = _latents(9)
    with torch.no_grad():
        wanted = transform.synthesise(y, torch.tensor([position]))[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
    latents = (y[0].permute(1, 2, 0).numpy() * 1024).astype(np.int32)
    got = BoundedSynthesis(CONFIG, weights)(latents, round(position / 2 * RATE_MAX)).astype(np.float64) * 255
    error = np.square(got - wanted).mean()
    assert error < 0.1 + 1e-4 * wanted.var()


def test_pixels_do_not_depend_on_threads_or_on_what_lies_beside(weights: BoundedWeights) -> None:
    synthesis = BoundedSynthesis(CONFIG, weights)
    latents = (_latents(5)[0].permute(1, 2, 0).numpy() * 1024).astype(np.int32)
    beside = np.concatenate([latents, np.zeros((6, 8, 32), np.int32)], axis=1)
    threads = torch.get_num_threads()
    try:
        pixels = []
        for count in (1, 2):
            torch.set_num_threads(count)
            pixels.append(synthesis(latents, 30_000))
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(*pixels)
    inner = 16 * 5 - CONFIG.halo
    np.testing.assert_array_equal(synthesis(beside, 30_000)[:, :inner], pixels[0][:, :inner])


@pytest.mark.parametrize("position", [0.0, 2.0])
def test_training_computes_the_integers_that_the_file_gets(
    transform: Transform, seen: Units, weights: BoundedWeights, position: float
) -> None:
    rounding = Rounding(CONFIG)
    assert not rounding.on
    rounding.use(seen)
    again = Rounding(CONFIG)
    again.load_state_dict(rounding.state_dict())
    assert again.on
    y = _latents(9)
    looped = again.synthesise(transform, y, torch.tensor([position]))[0].permute(1, 2, 0).clamp(0, 1)
    latents = (y[0].permute(1, 2, 0).numpy() * 1024).astype(np.int32)
    got = BoundedSynthesis(CONFIG, weights)(latents, round(position / 2 * RATE_MAX))
    error = 255 * np.abs(got - looped.detach().numpy())
    # Gains and modulation are rounded in the file only: an integer here and there is the next one.
    assert error.max() <= 1
    assert np.square(error).mean() < 0.02


def test_gradients_pass_the_rounding_and_stop_at_what_is_clipped(transform: Transform, seen: Units) -> None:
    rounding = Rounding(CONFIG)
    rounding.use(seen)
    found = []
    for scale in (1, 1000):
        y = (scale * _latents(9)).requires_grad_()
        rounding.synthesise(transform, y, torch.tensor([1.0])).square().sum().backward()
        assert y.grad is not None
        assert torch.isfinite(y.grad).all()
        found.append(float((y.grad[y != 0] == 0).float().mean()))
    assert found[0] < 0.1
    assert found[1] == 1


def test_what_extremes_send_takes_no_bits_from_photographs(transform: Transform, seen: Units) -> None:
    photographs = observe(transform, [(_latents(i), torch.tensor([p])) for i in range(4) for p in (0.0, 0.7, 2.0)])
    wild = observe(transform, [(40 * _latents(i), torch.tensor([1.0])) for i in range(2)])
    both = units(transform, photographs, wild)
    for name, unit in seen.places.items():
        np.testing.assert_array_equal(both.places[name], unit)
    assert (both.input_bound * both.input >= wild.input).all()
    synthesis = BoundedSynthesis(CONFIG, bounded_weights(transform, both))
    latents = (40 * 1024 * _latents(0)[0].permute(1, 2, 0).numpy()).astype(np.int32)
    pixels = synthesis(latents, 30_000)
    assert pixels.min() >= 0
    assert pixels.max() <= 1
