"""Laws of the Bjontegaard delta rate and of the lower envelope of several curves."""

from __future__ import annotations

import numpy as np
import pytest

from router.evaluation.comparison.bd_rate import bd_rate, envelope, overlap
from router.evaluation.comparison.curves import RateCurve, measured, scaled


def _curve(scale: float = 1.0, low: float = 20, high: float = 90, bend: float = 2.0) -> RateCurve:
    quality = np.linspace(low, high, 8)
    return RateCurve.through("psnr", scale * 1000 * np.exp(bend * quality / 50), quality)


def _rate(anchor: RateCurve, test: RateCurve) -> float:
    return bd_rate(envelope([anchor]), envelope([test]))


def test_bd_rate_is_zero_for_one_curve_and_a_share_for_a_share_of_the_bytes() -> None:
    assert _rate(_curve(), _curve()) == pytest.approx(0, abs=1e-9)
    assert _rate(_curve(), _curve(scale=0.5)) == pytest.approx(-50, abs=1e-6)
    assert _rate(_curve(scale=0.5), _curve()) == pytest.approx(100, abs=1e-6)
    # Only the common range counts, wherever the points of the two lie.
    assert _rate(_curve(), _curve(scale=0.8, low=33, high=140)) == pytest.approx(-20, abs=0.01)
    assert overlap(envelope([_curve(low=0, high=50)]), envelope([_curve(low=40, high=60)])) == pytest.approx(0.5)


def test_bd_rate_needs_a_common_range_of_qualities() -> None:
    assert np.isnan(_rate(_curve(low=10, high=20), _curve(low=30, high=40)))
    assert np.isnan(bd_rate(envelope([_curve()]), envelope([_curve()])[:1]))
    assert np.isnan(bd_rate(envelope([_curve()]), envelope([])))


def test_points_that_a_cheaper_one_beats_do_not_count() -> None:
    clean = _curve()
    sizes, values = np.exp(clean.log_bytes), clean.values
    worse = RateCurve.through("psnr", [*sizes, sizes[3] * 1.01, sizes[5]], [*values, values[2], values[5] - 1])
    assert worse.values == pytest.approx(values)
    assert _rate(clean, worse) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_envelope_is_nowhere_above_a_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    curves = [_curve(scale=rng.uniform(0.7, 1.3), low=rng.uniform(5, 30), bend=rng.uniform(1, 3)) for _ in range(2)]
    lowest = envelope(curves)
    assert np.all(np.diff(lowest, axis=0) > 0)
    for one in curves:
        assert bd_rate(envelope([one]), lowest) <= 1e-6
        inside = (one.values >= lowest[0, 1]) & (one.values <= lowest[-1, 1])
        rates = np.exp(np.interp(one.values, lowest[:, 1], np.log(lowest[:, 0])))
        assert np.all(rates[inside] <= np.exp(one.log_bytes[inside]) * 1.001)


@pytest.mark.parametrize(
    ("metric", "worse", "better"), [("ms_ssim", 0.9, 0.99), ("psnr", 30.0, 40.0), ("butteraugli_max", 4.0, 1.5)]
)
def test_every_metric_has_a_rising_scale_and_a_way_back(metric: str, worse: float, better: float) -> None:
    assert scaled(metric, worse) < scaled(metric, better)
    assert measured(metric, float(scaled(metric, better))) == pytest.approx(better)
