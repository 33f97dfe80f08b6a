"""The integer prior: against the floating-point one that it was made from, and against plain 64-bit integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import reference_reader as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file

from router.codecs.neural import entropy_model as prior
from router.codecs.neural.config import ModelConfig
from router.codecs.neural.entropy import MAX_SYMBOL
from router.codecs.neural.entropy_model import LATENT_ONE, IntegerPrior, Parameters, as_known, passes
from router.codecs.neural.gain import LOG_ONE, Gain, at_rate
from router.codecs.neural.tables import MEDIAN_ONE, SCALE_COUNT, SCALE_MIN, SCALE_STEP
from router.codecs.neural.tile import reconstruct
from router.codecs.neural.weights import LoadedModel

if TYPE_CHECKING:
    from training.codec.prior import Prior

RATES = (0, 9_999, 45_000, 65_535)
SMALL = ModelConfig(latents=24, hyper=8, prior=16, rates=3)


def walk(prior: IntegerPrior, hyper: NDArray[np.int32], symbols: NDArray[np.int32], gain: Gain) -> list[Parameters]:
    """Parameters of both passes for hyper-latents (h, w, N), when the first pass holds `symbols` (4h, 4w, M)."""
    height, width, channels = symbols.shape
    early, late = passes(height, width, channels)
    features = prior.features(hyper[None])
    first = prior.first(features)
    found = [prior.parameters(first, early, gain)]
    known = np.zeros(symbols.size)
    latents = reconstruct(symbols.reshape(-1)[early.latent], found[0].means)
    known[early.latent] = as_known(latents, early, gain)
    second = prior.second(features, first, known.reshape(1, *symbols.shape))
    return [*found, prior.parameters(second, late, gain)]


def drawn(config: ModelConfig, seed: int, height: int = 2, width: int = 3) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    rng = np.random.default_rng(seed)
    hyper = np.rint(rng.laplace(0, 4, (height, width, config.hyper))).astype(np.int32)
    symbols = np.rint(rng.laplace(0, 3, (4 * height, 4 * width, config.latents))).astype(np.int32)
    return hyper, symbols


def random_prior(seed: int) -> tuple[Prior, IntegerPrior, NDArray[np.int64]]:
    """A floating-point prior whose every weight is random, the integers made from it, and medians."""
    import small_model  # noqa: F401  (compressai's warnings)

    from training.codec.export import integer_prior
    from training.codec.prior import Prior

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        floating = Prior(SMALL).double()
        for head in (floating.head, floating.context_head):
            torch.nn.init.normal_(head.weight, std=0.3)
            torch.nn.init.normal_(head.bias)
    medians = np.random.default_rng(seed).integers(-3 * MEDIAN_ONE, 3 * MEDIAN_ONE, SMALL.hyper)
    arrays = {k.removeprefix("prior."): v for k, v in integer_prior(floating.state_dict()).items()}
    return floating.requires_grad_(False), IntegerPrior(SMALL, arrays, medians), medians


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rate", RATES)
def test_it_agrees_with_the_floating_point_prior(seed: int, rate: int) -> None:
    from training.codec.prior import first_pass, scale_and_mean

    floating, integer, medians = random_prior(seed)
    hyper, symbols = drawn(SMALL, seed)
    gain = at_rate(np.random.default_rng(seed).integers(-2 * LOG_ONE, 6 * LOG_ONE, (SMALL.rates, SMALL.latents)), rate)
    log_gain = torch.from_numpy(gain.log2 * (np.log(2) / LOG_ONE))[None, :, None, None]
    found = walk(integer, hyper, symbols, gain)

    def planes(x: NDArray[np.generic]) -> torch.Tensor:
        return torch.from_numpy(x.astype(np.float64)).permute(2, 0, 1)[None]

    features = floating.features(planes(hyper + medians / MEDIAN_ONE))
    first = floating.first(features)
    _, mean = scale_and_mean(first, log_gain)
    mask = first_pass(mean)
    known = torch.where(mask, planes(symbols) + mean.double(), 0) * torch.exp(-log_gain)
    outlooks = (first, first + floating.second(features, known))
    for outlook, order, parameters in zip(outlooks, passes(*symbols.shape), found, strict=True):
        scale, mean = (
            v[0].permute(1, 2, 0).reshape(-1).double().numpy()[order.latent] for v in scale_and_mean(outlook, log_gain)
        )
        step = np.clip(np.log(np.maximum(scale, 1e-9) / SCALE_MIN) / SCALE_STEP, 0, SCALE_COUNT - 1)
        assert np.abs(parameters.scales - np.rint(step)).max() <= 1
        assert np.abs(parameters.scales - step).max() < 0.55  # half a step, and what rounding adds
        assert np.ptp(parameters.scales) > 20
        error = np.abs(parameters.means / LATENT_ONE - mean) / (gain.forward[order.channel] / (1 << 16))
        assert error.max() < 0.01
        assert np.abs(mean).max() > 1


@pytest.mark.parametrize("extreme", ["nothing", "symbols", "weights"])
def test_it_is_what_64_bit_integers_compute(small_loaded: LoadedModel, extreme: str) -> None:
    """Also where hyper-latents and latents are as large as the format allows, and where layers saturate."""
    config = small_loaded.card.config
    tensors = load_file(small_loaded.card.weights_file)
    if extreme == "weights":
        tensors |= {k: v.astype(np.int64) * 4_000 for k, v in tensors.items() if "head.weight" in k}
    shape = reference.Model(vars(config), tensors)
    prior = IntegerPrior(config, {k.removeprefix("prior."): v for k, v in shape.ints.items()}, shape.ints["tables.z.median"])
    hyper, symbols = drawn(config, 4)
    if extreme == "symbols":
        hyper, symbols = (np.where(a > 0, MAX_SYMBOL, -MAX_SYMBOL).astype(np.int32) for a in (hyper, symbols))
    for rate in RATES:
        gain, expected = small_loaded.coder.gain(rate), reference.gain(shape, rate)
        assert all(np.array_equal(getattr(gain, k), getattr(expected, k)) for k in ("log2", "forward", "inverse"))
        found = walk(prior, hyper, symbols, gain)
        features, first = reference.features(shape, hyper.astype(np.int64))
        assert np.array_equal(prior.features(hyper[None])[0], features)
        assert np.array_equal(prior.first(prior.features(hyper[None]))[0], first)
        assert (np.abs(first).max() == 1 << 25) == (extreme == "weights")
        early = reference.parameters(shape, first, expected, 0)
        latents = 1024 * symbols.reshape(-1)[early.places].astype(np.int64) + early.mean
        second = reference.second(shape, features, first, reference.known(symbols.shape, early.places, latents, expected))
        for parameters, other in zip(found, (early, reference.parameters(shape, second, expected, 1)), strict=True):
            assert np.array_equal(parameters.scales, other.index)
            assert np.array_equal(parameters.means, other.mean)


@pytest.mark.parametrize("octaves", [-9, -2, 0, 3, 6, 9])
def test_any_output_of_the_network_gives_parameters(small_loaded: LoadedModel, octaves: int) -> None:
    """Up to the sum of both heads at their bounds, at gains that put the clipped scale at every place between two indices."""
    prior, m = small_loaded.coder.prior, small_loaded.card.config.latents
    rng = np.random.default_rng(octaves + 9)
    for part in range(18):
        log2 = octaves * LOG_ONE + 12 * (part * m + np.arange(m))
        gain, anchors = at_rate(np.stack([log2, log2]), 0), {"gain.log2": np.stack([log2, log2])}
        shape = reference.Model(vars(small_loaded.card.config), anchors)
        outlook = rng.integers(-1, 2, (2, 3, 2 * m)) << rng.integers(0, 27, (2, 3, 2 * m))
        outlook[0] = rng.choice([-(1 << 26), 1 << 26], (3, 2 * m))
        for number, order in enumerate(passes(2, 3, m)):
            found = prior.parameters(outlook.astype(float), order, gain)
            expected = reference.parameters(shape, outlook, reference.gain(shape, 0), number)
            assert np.array_equal(found.scales, expected.index)
            assert np.array_equal(found.means, expected.mean)


def test_a_batch_is_its_parts(small_loaded: LoadedModel) -> None:
    prior = small_loaded.coder.prior
    tiles = [drawn(small_loaded.card.config, seed) for seed in range(4)]
    hyper = np.stack([z for z, _ in tiles])
    known = np.stack([y for _, y in tiles]) * 1024.0
    features = prior.features(hyper)
    first = prior.first(features)
    second = prior.second(features, first, known)
    for k in range(4):
        part = slice(k, k + 1)
        assert np.array_equal(prior.features(hyper[part]), features[part])
        assert np.array_equal(prior.first(features[part]), first[part])
        assert np.array_equal(prior.second(features[part], first[part], known[part]), second[part])
    assert not np.array_equal(second[0], second[1])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_two_passes_hold_every_latent_once(height: int, width: int, channels: int) -> None:
    early, late = passes(height, width, channels)
    assert sorted([*early.latent.tolist(), *late.latent.tolist()]) == list(range(height * width * channels))
    for parity, order in enumerate((early, late)):
        row, column, channel = np.unravel_index(order.latent, (height, width, channels))
        assert ((row + column + channel) % 2 == parity).all()
        assert (np.diff(order.latent) > 0).all()
        assert np.array_equal(order.channel, channel)
        scale = np.unravel_index(order.scale, (height, width, 2 * channels))
        assert all(np.array_equal(a, b) for a, b in zip(scale, (row, column, channel), strict=True))


@pytest.mark.parametrize("name", ["h1", "dw", "context_head"])
def test_weights_that_do_not_fit_are_refused(name: str) -> None:
    import small_model  # noqa: F401

    from training.codec.export import integer_prior
    from training.codec.prior import Prior

    arrays = {k.removeprefix("prior."): v for k, v in integer_prior(Prior(SMALL).state_dict()).items()}
    medians = np.zeros(SMALL.hyper, np.int64)
    IntegerPrior(SMALL, arrays, medians)
    large = arrays | {f"{name}.bias": arrays[f"{name}.bias"] + (1 << 53)}
    short = arrays | {f"{name}.weight": arrays[f"{name}.weight"][:-1]}
    for broken in (large, short):
        with pytest.raises(ValueError, match=r"exact below|wrong shape"):
            IntegerPrior(SMALL, broken, medians)
    with pytest.raises(KeyError):
        IntegerPrior(SMALL, {k: v for k, v in arrays.items() if k != f"{name}.bias"}, medians)


def test_kept_passes_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prior, "KEPT_BYTES", 100_000)
    monkeypatch.setattr(prior, "_KNOWN", {})
    for side in range(1, 40):
        first = prior.passes(side, 7, 16)
        assert prior.passes(side, 7, 16) is first
        kept = list(prior._KNOWN.values())
        assert sum(map(prior._bytes, kept)) <= 100_000 or kept == [first]
    assert len(prior._KNOWN) < 39
    assert np.array_equal(np.sort(np.concatenate([order.latent for order in first])), np.arange(39 * 7 * 16))
