"""Interpolation along rate-distortion curves: monotone, through the hull, never beyond what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.evaluation.comparison.curves import RateCurve, decibels

POINTS = st.lists(st.tuples(st.integers(10, 10**6), st.floats(-50, 100)), min_size=1, max_size=12)
VALUES = st.floats(-60, 110)


def _curve(points: list[tuple[int, float]]) -> RateCurve:
    return RateCurve.through("ssimulacra2", [size for size, _ in points], [value for _, value in points])


@settings(deadline=None)
@given(POINTS, VALUES, VALUES)
def test_more_quality_never_costs_fewer_bytes(points: list[tuple[int, float]], a: float, b: float) -> None:
    curve = _curve(points)
    low, high = curve.bytes_at(min(a, b)), curve.bytes_at(max(a, b))
    assert high is None or low is not None
    assert low is None or high is None or low <= high * (1 + 1e-9)


@settings(deadline=None)
@given(POINTS)
def test_a_point_costs_at_most_its_own_bytes(points: list[tuple[int, float]]) -> None:
    curve = _curve(points)
    for size, value in points:
        found = curve.bytes_at(value)
        assert found is not None
        assert min(s for s, _ in points) * (1 - 1e-9) <= found <= size * (1 + 1e-9)


@settings(deadline=None)
@given(POINTS, VALUES)
def test_out_of_reach_exactly_beyond_the_tolerance(points: list[tuple[int, float]], value: float) -> None:
    top = max(v for _, v in points)
    assert (_curve(points).bytes_at(value) is None) == (value > top + 1.0)


@settings(deadline=None)
@given(st.lists(st.floats(1, 20), min_size=2, max_size=10), st.floats(0, 1))
def test_bytes_and_value_are_inverse(steps: list[float], place: float) -> None:
    values = np.cumsum(steps)
    curve = RateCurve.through("ssimulacra2", 100 * np.exp(values / 30), values)
    wanted = float(values[0] + place * (values[-1] - values[0]))
    size = curve.bytes_at(wanted)
    assert size is not None
    assert curve.value_at(size) == pytest.approx(wanted, abs=0.05)


def test_the_worst_setting_may_be_too_good() -> None:
    curve = _curve([(500, 60.0), (900, 80.0)])
    assert curve.bytes_at(30) == pytest.approx(500)
    assert curve.value_at(499) is None
    assert curve.value_at(10_000) == pytest.approx(80)


def test_settings_off_the_hull_do_not_count() -> None:
    with_bad = _curve([(100, 10.0), (200, 50.0), (300, 40.0), (400, 70.0)])
    assert with_bad.bytes_at(60) == _curve([(100, 10.0), (200, 50.0), (400, 70.0)]).bytes_at(60)


def test_ms_ssim_is_in_decibels() -> None:
    assert decibels(0.9) == pytest.approx(10)
    assert decibels(1.0) == pytest.approx(60)
    curve = RateCurve.through("ms_ssim", [100, 1000], [0.9, 0.99])
    assert curve.bytes_at(1 - 10**-1.5) == pytest.approx(np.sqrt(100 * 1000))
    assert curve.bytes_at(0.995) is None
